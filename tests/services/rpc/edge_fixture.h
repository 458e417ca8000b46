// The three listeners over real engines, and clients of each.
#ifndef SIGNET_TESTS_SERVICES_RPC_EDGE_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_RPC_EDGE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/keys/request_signing.h"
#include "services/rpc/edge_server.h"
#include "services/rpc/network_credentials.h"
#include "signet/v1/audit.pb.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::rpc {

class EdgeTest : public ::testing::Test {
 protected:
  using Channel = std::shared_ptr<grpc::Channel>;

  explicit EdgeTest(const enrollment::RequestRates& rates = {1'000'000, 1'000'000}) {
    world_.request_rates = rates;
    world_.Restart();
    callers_ = std::make_unique<Callers>("alpha", *world_.authorities, *world_.store, world_.clock);
    calls_ = std::make_unique<Calls>(Calls::Parts{*callers_, access_, *world_.audit, *world_.store, world_.clock,
                                                  world_.random, *world_.logger, metrics_},
                                     Limits{});
    engines_ = std::make_unique<Engines>(
        Engines{"alpha", "0.0.0", *world_.node_certificates, *world_.tokens, *world_.node_life, *world_.named,
                *world_.authorities, *world_.rotation, *world_.sightings, *world_.revocation, *world_.custody,
                *world_.audit, *world_.store, world_.clock, metrics_});
    admin_ = Listen(Listener::kAdminSocket, AdminPath(), grpc::InsecureServerCredentials());
    controller_ = Listen(Listener::kControllerSocket, ControllerPath(), grpc::InsecureServerCredentials());
    credentials_ = ServerCredentials();
    network_ = Listen(Listener::kNetwork, "127.0.0.1:0", credentials_);
  }

  Channel Admin() { return ChannelTo(AdminPath(), grpc::InsecureChannelCredentials()); }
  Channel Controller() { return ChannelTo(ControllerPath(), grpc::InsecureChannelCredentials()); }
  // With a control certificate of that role and name; `nodes` for a provisioner. Without a certificate when `role` is
  // empty.
  Channel Network(const std::string& role = "", const std::string& name = "", const std::string& nodes = "") {
    if (role.empty()) return NetworkWith("", "");
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    return NetworkWith(PemOf(key), testing::Must(world_.named->IssueClient(
                                                     role, name, nodes,
                                                     testing::Must(keys::SignRequestPem(key, name, "")), world_.origin))
                                       .chain_pem);
  }
  Channel NetworkWith(const std::string& key_pem, const std::string& chain_pem, grpc::ChannelArguments arguments = {}) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = world_.Root(store::Purpose::kControl).pem();
    options.pem_private_key = key_pem;
    options.pem_cert_chain = chain_pem;
    return ChannelTo(absl::StrCat("127.0.0.1:", network_->port()), grpc::SslCredentials(options), std::move(arguments));
  }
  static std::string PemOf(const keys::PrivateKey& key) {
    return std::string(testing::Must(key.ToPem()).ExposeSecret());
  }

  static std::unique_ptr<grpc::ClientContext> Soon() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return context;
  }
  static std::unique_ptr<v1::CertAuthority::Stub> Ca(const Channel& channel) {
    return v1::CertAuthority::NewStub(channel);
  }
  static std::unique_ptr<v1::NodeEnrollment::Stub> Nodes(const Channel& channel) {
    return v1::NodeEnrollment::NewStub(channel);
  }
  static google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    const bool parsed = details.ParseFromString(status.error_details()) && details.details_size() > 0;
    if (parsed) details.details(0).UnpackTo(&info);
    return info;
  }
  static std::string ReasonOf(const grpc::Status& status) { return InfoOf(status).reason(); }
  // The plan among the details of a closed gate.
  static v1::RotationPlan PlanOf(const grpc::Status& status) {
    google::rpc::Status details;
    v1::RotationPlan plan;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    for (const google::protobuf::Any& detail : details.details()) detail.UnpackTo(&plan);
    return plan;
  }
  static std::string Csr(const std::string& name) {
    return testing::Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), name, ""));
  }
  // Calls "/package.Service/Method" with an empty request.
  static grpc::Status CallRaw(const Channel& channel, const std::string& path, std::string* answer) {
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
  static bool Healthy(const Channel& channel) {
    std::string answer;
    return CallRaw(channel, "/grpc.health.v1.Health/Check", &answer).ok() && answer == "\x08\x01";
  }

  grpc::Status Sign(const Channel& channel, const testing::NodeRequest& request) {
    v1::SignCertificateRequest message;
    message.set_csr_pem(request.csr_pem);
    v1::SignCertificateResponse response;
    return Ca(channel)->SignCertificate(Soon().get(), message, &response);
  }
  grpc::Status CreateToken(const Channel& channel, const std::string& node, v1::TokenKind kind) {
    v1::CreateTokensRequest request;
    v1::NewToken* token = request.add_tokens();
    token->set_node(node);
    token->set_daemon("slurmd");
    token->set_kind(kind);
    token->set_public_key(testing::SimulatedNode::NewKey().public_key().spki_der());
    v1::CreateTokensResponse response;
    return Nodes(channel)->CreateTokens(Soon().get(), request, &response);
  }
  v1::ExplainNodeResponse Explain(const std::string& node) {
    v1::ExplainNodeRequest request;
    request.set_node(node);
    v1::ExplainNodeResponse response;
    const grpc::Status status = Nodes(Admin())->ExplainNode(Soon().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // Audit records that refuse something.
  std::vector<v1::AuditRecord> Refusals() {
    std::vector<v1::AuditRecord> refusals;
    for (const store::AuditRow& row : world_.AuditRows()) {
      v1::AuditRecord record;
      EXPECT_TRUE(record.ParseFromString(row.bytes));
      if (record.outcome() == v1::AUDIT_OUTCOME_REFUSED) refusals.push_back(std::move(record));
    }
    return refusals;
  }

  // TLS goes by the machine's clock.
  testing::World world_{"alpha", absl::Hours(24 * 3650), absl::Now()};
  telemetry::Metrics metrics_;
  const AccessTable access_;
  grpc::ResourceQuota quota_{"test"};
  std::unique_ptr<Callers> callers_;
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<Engines> engines_;
  std::shared_ptr<NetworkCredentials> credentials_;  // outlives the server that listens with it
  std::unique_ptr<EdgeServer> admin_;
  std::unique_ptr<EdgeServer> controller_;
  std::unique_ptr<EdgeServer> network_;

 private:
  std::string AdminPath() { return absl::StrCat("unix:", world_.dir.File("admin.sock")); }
  std::string ControllerPath() { return absl::StrCat("unix:", world_.dir.File("controller.sock")); }
  std::unique_ptr<EdgeServer> Listen(Listener listener, const std::string& address,
                                     std::shared_ptr<grpc::ServerCredentials> credentials) {
    auto server = testing::Must(
        EdgeServer::Start(address, listener, std::move(credentials), quota_, Limits{}, *calls_, *engines_));
    server->SetServing(true);
    return server;
  }
  std::shared_ptr<NetworkCredentials> ServerCredentials() {
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    const auto issued = testing::Must(world_.named->IssueListener({"head1"}, key.public_key(), world_.origin));
    return std::make_shared<NetworkCredentials>(
        NetworkIdentity{testing::Must(key.ToPem()), issued.chain_pem, world_.Root(store::Purpose::kControl).pem()});
  }
  static Channel ChannelTo(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                           grpc::ChannelArguments arguments = {}) {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("head1");
    return grpc::CreateCustomChannel(address, credentials, arguments);
  }
};

}  // namespace signet::rpc

#endif  // SIGNET_TESTS_SERVICES_RPC_EDGE_FIXTURE_H_
