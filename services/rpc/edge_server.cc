#include "services/rpc/edge_server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/server_builder.h"
#include "services/base/reason.h"
#include "services/rpc/pod_callers.h"

namespace signet::rpc {
namespace {

// Reflection registers itself for every server of a program that links it: this removes it where it is not wanted.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    const std::string reflection = grpc::reflection::ProtoServerReflectionPlugin().name();
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [&](const auto& plugin) { return plugin->name() == reflection; }),
                   plugins->end());
  }
};

// A thousand tokens take about 200 KiB.
constexpr int64_t kMostNetworkBytes = 512 * 1024;

// Bounds on what one peer can hold without saying anything.
void BoundConnections(Listener listener, grpc::ServerBuilder* builder) {
  // On the network anybody may connect, and each stream may hold a whole message before it is known who sends it.
  const bool network = listener == Listener::kNetwork;
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, network ? 16 : 128);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5 * 1000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, network ? 20 * 1000 : 10 * 60 * 1000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 60 * 60 * 1000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 30 * 1000);
  // A second server on the same port must fail, not share it.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

int ThreadQuota(const Limits& limits) {
  // Callers that wait to be identified are not among max_concurrent_calls yet.
  constexpr int kSpare = 128;
  static_assert(kMostPodReviews + kMostPodWaits < kSpare);
  return static_cast<int>(limits.max_concurrent_calls) + kSpare;
}

absl::StatusOr<std::unique_ptr<EdgeServer>> EdgeServer::Start(const std::string& address, Listener listener,
                                                              std::shared_ptr<grpc::ServerCredentials> credentials,
                                                              const grpc::ResourceQuota& quota, const Limits& limits,
                                                              Calls& calls, Engines& engines) {
  auto edge = std::unique_ptr<EdgeServer>(new EdgeServer(listener, calls, engines));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  if (listener == Listener::kNetwork) builder.SetOption(std::make_unique<WithoutReflection>());
  BoundConnections(listener, &builder);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(
      listener == Listener::kNetwork ? std::min(limits.message_bytes, kMostNetworkBytes) : limits.message_bytes));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 4);
  int port = 0;
  builder.AddListeningPort(address, std::move(credentials), &port);
  builder.RegisterService(&edge->cert_authority_);
  builder.RegisterService(&edge->node_enrollment_);
  edge->server_ = builder.BuildAndStart();
  if (edge->server_ == nullptr) {
    return base::Refusal(absl::StatusCode::kUnavailable, base::kConfiguration,
                         absl::StrCat("cannot listen on ", address),
                         "free the address, or choose another in signetd.yaml");
  }
  if (!absl::StartsWith(address, "unix:")) edge->port_ = port;
  edge->SetServing(false);
  return edge;
}

void EdgeServer::SetServing(bool serving) { server_->GetHealthCheckService()->SetServingStatus(serving); }

void EdgeServer::Shutdown(absl::Duration grace) { server_->Shutdown(absl::ToChronoTime(absl::Now() + grace)); }

}  // namespace signet::rpc
