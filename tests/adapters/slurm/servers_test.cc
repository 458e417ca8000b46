#include "adapters/slurm/servers.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <utility>

#include "services/base/reason.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

// Accepts every call and remembers what authorization came with it; over TLS on a port, in clear text on a socket.
class Listener final : public v1::NodeEnrollment::Service, public v1::CertAuthority::Service {
 public:
  explicit Listener(const std::string& socket, const TestAuthority& authority) {
    const keys::PrivateKey key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
    grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = authority.root.pem();
    options.pem_key_cert_pairs.push_back(
        {std::string(key.ToPem()->ExposeSecret()),
         authority.Issue(key.public_key(), "127.0.0.1", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1))});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::NodeEnrollment::Service*>(this));
    builder.RegisterService(static_cast<v1::CertAuthority::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~Listener() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> authorizations() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return authorizations_;
  }

  grpc::Status ValidateNode(grpc::ServerContext* context, const v1::ValidateNodeRequest*,
                            v1::ValidateNodeResponse*) override {
    return Remember(*context);
  }
  grpc::Status GetTrustBundle(grpc::ServerContext* context, const v1::GetTrustBundleRequest*,
                              v1::GetTrustBundleResponse*) override {
    return Remember(*context);
  }
  grpc::Status ReportHost(grpc::ServerContext* context, const v1::ReportHostRequest* request,
                          v1::ReportHostResponse*) override {
    std::string caller;
    for (const grpc::string_ref& name : context->auth_context()->FindPropertyValues("x509_common_name")) {
      caller.append(name.data(), name.size());
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      report_ = {caller, request->report()};
    }
    return Remember(*context);
  }
  // Who sent the last report, by the certificate, and what it was.
  std::pair<std::string, v1::HostReport> report() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return report_;
  }

 private:
  // One entry for each call: "" for none.
  grpc::Status Remember(const grpc::ServerContext& context) {
    std::string all;
    const auto [first, last] = context.client_metadata().equal_range("authorization");
    for (auto entry = first; entry != last; ++entry) all += std::string(entry->second.data(), entry->second.size());
    const std::lock_guard<std::mutex> lock(mutex_);
    authorizations_.push_back(all);
    return grpc::Status::OK;
  }

  std::mutex mutex_;
  std::vector<std::string> authorizations_;
  std::pair<std::string, v1::HostReport> report_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class ServersTest : public testing::Test {
 protected:
  ServersTest() {
    WriteFile(config_.tls.ca, authority_.root.pem());
    WriteFile(config_.kubernetes_token_file, "a.b.c\n", 0400);
    config_.servers = {"unix:" + (scratch_ / "nobody.sock"), listener_.address()};
  }
  void PlaceControlCertificate(const std::string& name) const {
    const keys::PrivateKey key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
    WriteFile(config_.tls.cert,
              authority_.Issue(key.public_key(), name, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)));
    WriteFile(config_.tls.key, std::string(key.ToPem()->ExposeSecret()), 0600);
  }
  absl::Status Validate() { return Servers(config_, deadline_).ValidateNode("n1", "token", std::nullopt); }

  const Scratch scratch_;
  const TestAuthority authority_;
  Config config_ = ConfigIn(scratch_);
  Listener listener_{scratch_ / "signetd.sock", authority_};
  const Deadline deadline_{absl::Seconds(20)};
};

using Authorizations = std::vector<std::string>;

TEST_F(ServersTest, APodShowsItsTokenOverTlsAndReadsItAnewForEachCall) {
  ASSERT_EQ(Validate(), absl::OkStatus());
  ASSERT_EQ(unlink(config_.kubernetes_token_file.c_str()), 0);
  WriteFile(config_.kubernetes_token_file, "d.e.f\n", 0400);
  ASSERT_EQ(Validate(), absl::OkStatus());
  EXPECT_EQ(listener_.authorizations(), (Authorizations{"Bearer a.b.c", "Bearer d.e.f"}));
}

TEST_F(ServersTest, NoTokenTravelsOverAUnixSocket) {
  config_.servers = {"unix:" + (scratch_ / "signetd.sock")};
  ASSERT_EQ(Validate(), absl::OkStatus());
  EXPECT_EQ(listener_.authorizations(), Authorizations{""});
}

TEST_F(ServersTest, NoTokenTravelsBesideAControlCertificate) {
  PlaceControlCertificate("head1");
  ASSERT_EQ(Validate(), absl::OkStatus());
  EXPECT_EQ(listener_.authorizations(), Authorizations{""});
}

TEST_F(ServersTest, AReportIsSentUnderTheControlCertificate) {
  PlaceControlCertificate("login1");
  v1::HostReport report;
  report.set_host("login1");
  report.set_program("host");
  report.mutable_bundle_on_disk()->set_generation(7);
  ASSERT_EQ(Servers(config_, deadline_).ReportHost(report), absl::OkStatus());
  EXPECT_EQ(listener_.report().first, "login1");
  EXPECT_EQ(listener_.report().second.SerializeAsString(), report.SerializeAsString());
}

TEST_F(ServersTest, NoTokenTravelsToAServerOfAnotherAuthority) {
  WriteFile(config_.tls.ca, TestAuthority().root.pem());
  const Deadline short_deadline(absl::Milliseconds(500));
  EXPECT_TRUE(absl::IsUnavailable(Servers(config_, short_deadline).ValidateNode("n1", "token", std::nullopt)));
  EXPECT_EQ(listener_.authorizations(), Authorizations{});
}

TEST_F(ServersTest, TheTrustBundleIsAskedForWithoutAToken) {
  ASSERT_EQ(Servers(config_, deadline_).TrustBundle().status(), absl::OkStatus());
  EXPECT_EQ(listener_.authorizations(), Authorizations{""});
}

TEST_F(ServersTest, ATokenThatOthersCanReadIsNotSent) {
  ASSERT_EQ(chmod(config_.kubernetes_token_file.c_str(), 0644), 0);
  const absl::Status refused = Validate();
  EXPECT_EQ(base::ReasonOf(refused), base::kConfiguration);
  EXPECT_NE(base::NextOf(refused).find("defaultMode: 0400"), std::string::npos) << refused;
  EXPECT_EQ(listener_.authorizations(), Authorizations{});
}

TEST_F(ServersTest, WithoutTokenAndCertificateItSaysWhatIsMissing) {
  ASSERT_EQ(unlink(config_.kubernetes_token_file.c_str()), 0);
  config_.servers = {listener_.address()};
  const absl::Status refused = Validate();
  EXPECT_NE(refused.message().find("tls.cert"), absl::string_view::npos) << refused;
}

}  // namespace
}  // namespace signet::slurm
