// A whole signetd in this process, and clients of each of its listeners.
#ifndef SIGNET_TESTS_SERVICES_SERVER_DAEMON_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_SERVER_DAEMON_FIXTURE_H_

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/evidence/statement.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "services/server/daemon.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::server {

// Keeps what was logged.
class RecordingLogger final : public telemetry::Logger {
 public:
  void Write(telemetry::Level, absl::string_view event, std::initializer_list<telemetry::Field> fields) override {
    std::string line(event);
    for (const telemetry::Field& field : fields) line += " " + std::string(field.first) + "=" + field.second;
    const base::MutexLock lock(mutex_);
    lines_.push_back(line);
  }
  void SetLevel(telemetry::Level level) override { level_ = level; }
  telemetry::Level level() const { return level_; }
  std::vector<std::string> lines() {
    const base::MutexLock lock(mutex_);
    return lines_;
  }

 private:
  base::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::atomic<telemetry::Level> level_ = telemetry::Level::kInfo;
};

inline keys::PrivateKey NewKey() { return *keys::PrivateKey::Generate(x509::KeyType::kEcP256); }
inline std::string PemOf(const keys::PrivateKey& key) { return std::string(key.ToPem()->ExposeSecret()); }

inline google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (details.ParseFromString(status.error_details()) && details.details_size() > 0) details.details(0).UnpackTo(&info);
  return info;
}

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest() {
    std::string pattern = "/tmp/signet-daemon-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    config_.cluster = "alpha";
    config_.data_dir = folder_ + "/data";
    config_.kek_file = folder_ + "/data/kek";
    config_.admin.path = folder_ + "/admin.sock";
    config_.controller.path = folder_ + "/controller.sock";
    config_.controller.group = "";
    config_.grpc = {"127.0.0.1:0", {"head1"}};
    config_.metrics_address = "off";
    config_.authority_subject = "CN=Slurm CA alpha";
  }

  void Start() {
    auto daemon = Daemon::Start(config_, {clock_, random_, logger_});
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
  }

  std::shared_ptr<grpc::Channel> Socket(const std::string& path) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments);
  }
  std::shared_ptr<grpc::Channel> Network(const std::string& key_pem = "", const std::string& chain_pem = "") {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("head1");
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(daemon_->network_port()),
                                     grpc::SslCredentials({ControlRoot(), key_pem, chain_pem}), arguments);
  }
  std::string ControlRoot() {
    v1::ListAuthoritiesResponse response;
    EXPECT_TRUE(Ca(Admin())->ListAuthorities(Soon().get(), {}, &response).ok());
    for (const v1::Authority& authority : response.authorities()) {
      if (authority.purpose() == v1::AUTHORITY_PURPOSE_CONTROL) return authority.certificate_pem();
    }
    return "";
  }
  std::shared_ptr<grpc::Channel> Admin() { return Socket(config_.admin.path); }
  std::shared_ptr<grpc::Channel> Controller() { return Socket(config_.controller.path); }

  static std::unique_ptr<grpc::ClientContext> Soon() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return context;
  }
  static std::unique_ptr<v1::CertAuthority::Stub> Ca(const std::shared_ptr<grpc::Channel>& channel) {
    return v1::CertAuthority::NewStub(channel);
  }
  static std::unique_ptr<v1::NodeEnrollment::Stub> Nodes(const std::shared_ptr<grpc::Channel>& channel) {
    return v1::NodeEnrollment::NewStub(channel);
  }

  // Registers a single-use token of n1; the answer's status.
  grpc::Status CreateToken(const std::shared_ptr<grpc::Channel>& channel) {
    v1::CreateTokensRequest request;
    v1::NewToken* token = request.add_tokens();
    token->set_node("n1");
    token->set_daemon("slurmd");
    token->set_kind(v1::TOKEN_KIND_SINGLE_USE);
    token->set_public_key(token_key_.public_key().spki_der());
    v1::CreateTokensResponse response;
    return Nodes(channel)->CreateTokens(Soon().get(), request, &response);
  }

  // A CSR of n1 for `tls_key`, with evidence by the token.
  std::string NodeCsr(const keys::PrivateKey& tls_key) {
    evidence::Statement statement;
    statement.key_id = identity_.public_key().key_id();
    statement.cluster = "alpha";
    statement.node = "n1";
    statement.daemon = "slurmd";
    statement.issued_at = clock_.Now();
    statement.expires_at = statement.issued_at + evidence::kStatementLifetime;
    statement.seq = static_cast<uint64_t>(absl::ToUnixMillis(statement.issued_at));
    statement.boot_id = "11111111-2222-3333-4444-555555555555";
    statement.csr_spki_sha256 = tls_key.public_key().spki_sha256();
    statement.identity_spki_der = identity_.public_key().spki_der();
    statement.token_id = token_key_.public_key().key_id();
    statement.adapter_version = "test";
    return *keys::SignRequestPem(tls_key, "n1", *evidence::Sign(statement, identity_, &token_key_));
  }

  grpc::Status Sign(const std::string& csr, v1::SignCertificateResponse* response) {
    v1::SignCertificateRequest request;
    request.set_csr_pem(csr);
    return Ca(Controller())->SignCertificate(Soon().get(), request, response);
  }

  // A channel with a control certificate of this role.
  std::shared_ptr<grpc::Channel> ClientWith(v1::Role role) {
    const keys::PrivateKey key = NewKey();
    v1::IssueClientCertificateRequest request;
    request.set_role(role);
    request.set_name("jane");
    request.set_csr_pem(*keys::SignRequestPem(key, "jane", ""));
    v1::IssueClientCertificateResponse response;
    const grpc::Status status = Ca(Admin())->IssueClientCertificate(Soon().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.control_ca_pem(), ControlRoot());
    return Network(PemOf(key), response.certificate_chain_pem());
  }

  static grpc::Status ListNodes(const std::shared_ptr<grpc::Channel>& channel) {
    v1::ListNodesResponse response;
    return Nodes(channel)->ListNodes(Soon().get(), {}, &response);
  }
  static grpc::Status GetBundle(const std::shared_ptr<grpc::Channel>& channel) {
    v1::GetTrustBundleResponse response;
    return Ca(channel)->GetTrustBundle(Soon().get(), {}, &response);
  }

  // Calls a method by its path with an empty request.
  static grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                              std::string* answer) {
    grpc::GenericStub stub(channel);
    grpc::CompletionQueue queue;
    const auto context = Soon();
    const grpc::Slice nothing("", 0);
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer reply;
    grpc::Status status;
    const auto call = stub.PrepareUnaryCall(context.get(), path, request, &queue);
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice slice;
    if (status.ok() && reply.DumpToSingleSlice(&slice).ok()) {
      answer->assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    return status;
  }
  // HealthCheckResponse {status: SERVING}
  static bool Healthy(const std::shared_ptr<grpc::Channel>& channel) {
    std::string answer;
    return CallRaw(channel, "/grpc.health.v1.Health/Check", &answer).ok() && answer == "\x08\x01";
  }

  std::string folder_;
  Config config_;
  base::FakeClock clock_{absl::Now()};
  base::SystemRandom random_;
  RecordingLogger logger_;
  const keys::PrivateKey token_key_ = NewKey();
  const keys::PrivateKey identity_ = NewKey();
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace signet::server

#endif  // SIGNET_TESTS_SERVICES_SERVER_DAEMON_FIXTURE_H_
