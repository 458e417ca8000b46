#include "services/server/daemon.h"

#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/server/first_start.h"
#include "services/server/grpc_log.h"

namespace signet::server {
namespace {

absl::Status AnswersOf(const store::Store& store) {
  return store.Read([](const store::Tables& tables) { return tables.bundles().Newest().status(); });
}

}  // namespace

std::string Version() { return SIGNET_VERSION; }

Daemon::Daemon(const Config& config, const Surroundings& around, std::unique_ptr<Core> core)
    : config_(config),
      around_(around),
      core_(std::move(core)),
      metrics_(*core_->metrics),
      pod_callers_(core_->pods == nullptr ? nullptr : std::make_unique<rpc::PodCallers>(*core_->pods, around.clock)),
      callers_(config.cluster, *core_->authorities, *core_->store, around.clock, pod_callers_.get()),
      calls_({callers_, access_, *core_->audit, *core_->store, around.clock, around.random, around.logger, metrics_},
             config.limits),
      engines_{config.cluster,      Version(),         *core_->node_certificates,
               *core_->tokens,      *core_->node_life, *core_->named_certificates,
               *core_->authorities, *core_->rotation,  *core_->sightings,
               *core_->revocation,  *core_->custody,   *core_->audit,
               *core_->store,       around.clock,      metrics_},
      quota_("signetd") {
  // What peers may have buffered in all, on every listener.
  quota_.Resize(std::size_t{256} << 20);
  quota_.SetMaxThreads(rpc::ThreadQuota(config.limits));
}

Daemon::~Daemon() { Drain(); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, const Surroundings& around) {
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<Core> core, Core::Open(config, around));
  auto daemon = std::unique_ptr<Daemon>(new Daemon(config, around, std::move(core)));
  SIGNET_RETURN_IF_ERROR(daemon->Listen());
  daemon->StartPublisher();
  daemon->Tick();
  return daemon;
}

absl::Status Daemon::Listen() {
  SIGNET_RETURN_IF_ERROR(ServeMetrics());
  SIGNET_RETURN_IF_ERROR(ListenOnSocket(config_.admin, rpc::Listener::kAdminSocket));
  SIGNET_RETURN_IF_ERROR(ListenOnSocket(config_.controller, rpc::Listener::kControllerSocket));
  if (config_.grpc.address.empty()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(identity_, ListenerIdentity::Create(config_.grpc.names, *core_->named_certificates,
                                                              *core_->authorities, around_.clock, around_.random));
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<rpc::EdgeServer> server,
                          rpc::EdgeServer::Start(config_.grpc.address, rpc::Listener::kNetwork,
                                                 identity_->credentials(), quota_, config_.limits, calls_, engines_));
  around_.logger.Info("listening", {{"address", config_.grpc.address}, {"port", absl::StrCat(server->port())}});
  servers_.push_back(std::move(server));
  ShowListener();
  return absl::OkStatus();
}

absl::Status Daemon::ServeMetrics() {
  metrics_.SetVersion(Version());
  if (config_.metrics_address == "off") return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(metrics_.Serve(config_.metrics_address));
  collector_ = std::make_unique<Collector>(
      Collector::Parts{*core_->store, *core_->custody, *core_->authorities, *core_->rotation, around_.clock,
                       around_.random, around_.logger, metrics_},
      config_.data_dir, DatabasePath(config_));
  collector_->Start();
  return absl::OkStatus();
}

void Daemon::StartPublisher() {
  if (!config_.kubernetes.publish.on) return;
  publisher_ =
      std::make_unique<Publisher>(config_.cluster, config_.kubernetes,
                                  Publisher::Parts{*core_->store, *core_->authorities, *core_->kept_certificates,
                                                   around_.clock, around_.random, around_.logger, metrics_});
  publisher_->Start();
}

absl::Status Daemon::ListenOnSocket(const SocketListener& socket, rpc::Listener listener) {
  SIGNET_RETURN_IF_ERROR(PrepareSocketPath(socket));
  {
    const SocketUmask umask;
    SIGNET_ASSIGN_OR_RETURN(
        std::unique_ptr<rpc::EdgeServer> server,
        rpc::EdgeServer::Start(absl::StrCat("unix:", socket.path), listener, grpc::InsecureServerCredentials(), quota_,
                               config_.limits, calls_, engines_));
    servers_.push_back(std::move(server));
    bound_sockets_.push_back(socket.path);
  }
  bool owner_only = false;
  SIGNET_RETURN_IF_ERROR(OpenSocketTo(socket, &owner_only));
  if (owner_only) {
    around_.logger.Warning("socket.owner_only", {{"socket", socket.path},
                                                 {"message", absl::StrCat("there is no group ", socket.group)},
                                                 {"next", "set the socket's group in signetd.yaml"}});
  }
  around_.logger.Info("listening", {{"address", socket.path}});
  return absl::OkStatus();
}

void Daemon::Tick() {
  const absl::Time now = around_.clock.Now();
  // A clock that was set back must not put these off for as long.
  next_health_ = std::min(next_health_, now + absl::Seconds(5));
  next_minute_ = std::min(next_minute_, now + absl::Minutes(1));
  if (now >= next_health_) {
    next_health_ = now + absl::Seconds(5);
    CheckHealth();
  }
  metrics_.CountTlsFailures(GrpcLog::TakeTlsFailures());
  if (now < next_minute_) return;
  next_minute_ = now + absl::Minutes(1);
  calls_.Summarise();
  RenewListener();
}

void Daemon::CheckHealth() {
  const absl::Status answers = AnswersOf(*core_->store);
  if (answers.ok() != serving_ || !answers.ok()) {
    around_.logger.Write(answers.ok() ? telemetry::Level::kInfo : telemetry::Level::kError,
                         answers.ok() ? "serving" : "not_serving", {{"message", std::string(answers.message())}});
  }
  serving_ = answers.ok();
  for (const auto& server : servers_) server->SetServing(serving_);
}

void Daemon::RenewListener() {
  if (identity_ == nullptr) return;
  const absl::StatusOr<bool> renewed = identity_->RenewIfDue();
  if (!renewed.ok()) {
    around_.logger.Error("listener.renewal_failed", {{"message", std::string(renewed.status().message())}});
  } else if (*renewed) {
    around_.logger.Info("listener.renewed", {{"next_at", absl::FormatTime(identity_->renew_at())}});
    ShowListener();
  }
}

void Daemon::ShowListener() {
  telemetry::Gauges gauges;
  gauges.SetUntil(telemetry::metric::kServiceExpires, {"signetd"}, identity_->not_after());
  metrics_.Show(telemetry::GaugeGroup::kListener, std::move(gauges));
}

void Daemon::Reload(const Config& wanted) {
  around_.logger.SetLevel(wanted.log_level);
  calls_.SetLimits(wanted.limits);
  quota_.SetMaxThreads(rpc::ThreadQuota(wanted.limits));
  core_->request_limits->SetRates(wanted.request_rates);
  ReloadServiceAccounts(wanted.kubernetes);
  for (const std::string& key : KeysThatNeedARestart(config_, wanted)) {
    around_.logger.Warning("reload.needs_restart", {{"key", key}, {"message", absl::StrCat("needs a restart: ", key)}});
  }
  config_.log_level = wanted.log_level;
  config_.limits.max_concurrent_calls = wanted.limits.max_concurrent_calls;
  config_.request_rates = wanted.request_rates;
  around_.logger.Info("reloaded");
}

void Daemon::ReloadServiceAccounts(const KubernetesSection& wanted) {
  if (core_->pods == nullptr || !wanted.on || wanted.service_accounts == config_.kubernetes.service_accounts) return;
  core_->pods->SetServiceAccounts(wanted.service_accounts);
  // Whoever is remembered was allowed by the old list.
  pod_callers_->Forget();
  config_.kubernetes.service_accounts = wanted.service_accounts;
}

void Daemon::Drain() {
  if (servers_.empty()) return;
  for (const auto& server : servers_) server->SetServing(false);
  collector_.reset();
  std::vector<std::thread> ends;
  ends.reserve(servers_.size() + 1);
  // A request to the Kubernetes API may be under way for as long as calls are.
  ends.emplace_back([this] { publisher_.reset(); });
  for (const auto& server : servers_) ends.emplace_back([&server] { server->Shutdown(kDrain); });
  for (std::thread& end : ends) end.join();
  servers_.clear();
  calls_.Summarise();
  const absl::Status checkpoint =
      core_->store->Write([this](store::Tables& tables) { return core_->audit->Checkpoint(tables); });
  if (!checkpoint.ok()) {
    around_.logger.Error("audit.checkpoint_failed", {{"message", std::string(checkpoint.message())}});
  }
  for (const std::string& path : bound_sockets_) {
    if (const absl::Status removed = files::Remove(path); !removed.ok()) {
      around_.logger.Warning("socket.left", {{"socket", path}, {"message", std::string(removed.message())}});
    }
  }
  around_.logger.Info("stopped");
}

int Daemon::network_port() const {
  return config_.grpc.address.empty() || servers_.empty() ? 0 : servers_.back()->port();
}

}  // namespace signet::server
