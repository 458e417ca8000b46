// The real program beside a signetd that answers as a test chooses.
#ifndef SIGNET_TESTS_ADAPTERS_SLURM_PROGRAM_FIXTURE_H_
#define SIGNET_TESTS_ADAPTERS_SLURM_PROGRAM_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "services/keys/request_signing.h"
#include "services/x509/certificate_request.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {

// signetd's two services with answers that a test chooses.
class FakeSignetd final : public v1::CertAuthority::Service, public v1::NodeEnrollment::Service {
 public:
  explicit FakeSignetd(const std::string& socket) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::CertAuthority::Service*>(this));
    builder.RegisterService(static_cast<v1::NodeEnrollment::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeSignetd() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status SignCertificate(grpc::ServerContext*, const v1::SignCertificateRequest* request,
                               v1::SignCertificateResponse* response) override {
    ++calls;
    Remember(request->has_report(), request->report());
    const auto csr = x509::CertificateRequest::FromPem(request->csr_pem());
    if (!refusal.ok()) return refusal;
    if (!csr.ok()) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not a CSR");
    response->set_certificate_chain_pem(answer(*csr));
    return grpc::Status::OK;
  }
  grpc::Status ValidateNode(grpc::ServerContext*, const v1::ValidateNodeRequest* request,
                            v1::ValidateNodeResponse*) override {
    ++calls;
    Remember(request->has_report(), request->report());
    if (!refusal.ok()) return refusal;
    return request->token() == "good" ? grpc::Status::OK : grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no");
  }
  grpc::Status ReportHost(grpc::ServerContext*, const v1::ReportHostRequest* request,
                          v1::ReportHostResponse*) override {
    ++calls;
    Remember(request->has_report(), request->report());
    return refusal;
  }
  // What came with the last call; nothing is remembered of a call without a report.
  std::optional<v1::HostReport> last_report() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_report_;
  }

  TestAuthority authority;
  grpc::Status refusal;
  std::atomic<int> calls = 0;
  std::function<std::string(const x509::CertificateRequest&)> answer = [this](const x509::CertificateRequest& csr) {
    return authority.Issue(csr.public_key(), csr.common_name(), absl::Now() - absl::Hours(1),
                           absl::Now() + absl::Hours(24));
  };

 private:
  void Remember(bool has_report, const v1::HostReport& report) {
    const std::lock_guard<std::mutex> lock(mutex_);
    last_report_ = has_report ? std::optional<v1::HostReport>(report) : std::nullopt;
  }

  std::mutex mutex_;
  std::optional<v1::HostReport> last_report_;
  std::unique_ptr<grpc::Server> server_;
};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { Configure(); }
  void Configure() { WriteFile(scratch_ / "config.yaml", YamlOf(config_)); }
  RunOptions Options() const { return {.environment = {"SIGNET_SLURM_CONFIG=" + (scratch_ / "config.yaml")}}; }
  Outcome Run(const std::vector<std::string>& argv) const { return RunProgram(argv, Options()); }
  std::unique_ptr<FakeSignetd> Serve() {
    auto server = std::make_unique<FakeSignetd>(scratch_ / "signetd.sock");
    WriteFile(config_.ca_cert_file, server->authority.root.pem());
    return server;
  }
  // Exit 1, nothing on stdout, one line that begins with the verb.
  static void ExpectRefusal(const Outcome& outcome, const std::string& verb) {
    EXPECT_EQ(outcome.exit_code, 1) << "signal " << outcome.signal;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.rfind("signet-slurm " + verb + ": ", 0), 0u) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  }
  std::string CsrPem() const { return *keys::SignRequestPem(key_, "n1", ""); }

  const Scratch scratch_;
  Config config_ = ConfigIn(scratch_);
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
};

}  // namespace signet::slurm

#endif  // SIGNET_TESTS_ADAPTERS_SLURM_PROGRAM_FIXTURE_H_
