// A running signetd: engines, listeners, health, and its clean end.
#ifndef SIGNET_SERVICES_SERVER_DAEMON_H_
#define SIGNET_SERVICES_SERVER_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/resource_quota.h"
#include "services/rpc/access.h"
#include "services/rpc/caller.h"
#include "services/rpc/calls.h"
#include "services/rpc/edge_server.h"
#include "services/rpc/engines.h"
#include "services/rpc/pod_callers.h"
#include "services/server/collector.h"
#include "services/server/config.h"
#include "services/server/core.h"
#include "services/server/listener_identity.h"
#include "services/server/publisher.h"
#include "services/telemetry/metrics.h"

namespace signet::server {

// The version that --version, GetStatus and the metrics give.
std::string Version();

// How long calls may take to end after the signal to stop.
inline constexpr absl::Duration kDrain = absl::Seconds(5);

// Start, Tick, Reload and Drain belong to one thread.
class Daemon {
 public:
  // Locks the data folder before it binds a socket; serves when it returns. Every error names what to do.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config, const Surroundings& around);
  ~Daemon();

  // For a person, after a first start; else empty.
  const std::string& notice() const { return core_->notice; }
  // What is due: health (every 5 s), summaries (every minute), the listener's certificate. Call it about once a second.
  void Tick();
  // Takes over log level, limits and the allow-list of service accounts; logs which other keys changed and need a
  // restart.
  void Reload(const Config& wanted);
  // Says NOT_SERVING, accepts nothing more, lets calls end (kDrain), writes the audit's checkpoint, removes the
  // sockets. Done once; the destructor does it otherwise.
  void Drain();
  // The port of listen.grpc; 0 when off.
  int network_port() const;

 private:
  Daemon(const Config& config, const Surroundings& around, std::unique_ptr<Core> core);
  absl::Status Listen();
  absl::Status ListenOnSocket(const SocketListener& socket, rpc::Listener listener);
  absl::Status ServeMetrics();
  void CheckHealth();
  void RenewListener();
  void StartPublisher();
  void ShowListener();
  void ReloadServiceAccounts(const KubernetesSection& wanted);

  Config config_;
  const Surroundings around_;
  std::unique_ptr<Core> core_;
  telemetry::Metrics& metrics_;
  const rpc::AccessTable access_;
  const std::unique_ptr<rpc::PodCallers> pod_callers_;  // null where Kubernetes is not configured
  const rpc::Callers callers_;
  rpc::Calls calls_;
  rpc::Engines engines_;
  grpc::ResourceQuota quota_;
  std::unique_ptr<ListenerIdentity> identity_;
  std::vector<std::unique_ptr<rpc::EdgeServer>> servers_;
  std::vector<std::string> bound_sockets_;
  std::unique_ptr<Collector> collector_;  // null where metrics are off
  std::unique_ptr<Publisher> publisher_;  // null where nothing is published
  bool serving_ = false;
  absl::Time next_health_ = absl::InfinitePast();
  absl::Time next_minute_ = absl::InfinitePast();
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_DAEMON_H_
