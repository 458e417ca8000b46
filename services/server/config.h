// signetd's configuration file (packaging/signetd.yaml shows every key with its default).
#ifndef SIGNET_SERVICES_SERVER_CONFIG_H_
#define SIGNET_SERVICES_SERVER_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/authority/rotation.h"
#include "services/enrollment/request_limits.h"
#include "services/policy/profile.h"
#include "services/rpc/limits.h"
#include "services/server/socket_file.h"
#include "services/telemetry/logger.h"

namespace signet::server {

inline constexpr char kDefaultConfigPath[] = "/etc/signet/signetd.yaml";

// The TCP listener, where callers show control certificates.
struct NetworkListener {
  // "0.0.0.0:6843" or "[::]:6843"; empty: off.
  std::string address;
  // Host names clients reach it by: the dNSNames of its certificate.
  std::vector<std::string> names;
};

// What signetd keeps fresh in objects that somebody else made, each "namespace/name". A key that is left out is empty.
struct PublishSection {
  bool on = false;
  // ConfigMaps that get the signed trust bundle.
  std::vector<std::string> bundle_config_maps;
  // Secrets that get a service's certificate and key → "slurmctld", "slurmdbd" or "slurmrestd", each once.
  std::map<std::string, std::string> service_secrets;
};

// Whose pods enrol, and where that is asked. Defaults are those of a pod's own service account.
struct KubernetesSection {
  bool on = false;
  std::string api = "https://kubernetes.default.svc";
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  // What the pods' projected tokens must be made for.
  std::string audience = "signet";
  // "nodeset": a slurmd's pod must be controlled by a NodeSet of slinky.slurm.net; "any": by anything.
  std::string slurmd_owner = "nodeset";
  // "namespace/name" → "slurmd", "sackd", "controller" or "tester". Taken over at SIGHUP.
  std::map<std::string, std::string> service_accounts;
  PublishSection publish = {};
};

// Everything an administrator decides. Defaults are those of the commented example.
struct Config {
  // Slurm's ClusterName: the audience of every statement. Required.
  std::string cluster;
  // Database, lock and, unless configured, the key-encryption key.
  std::string data_dir = "/var/lib/signet";
  // Callers are administrators.
  SocketListener admin = {.path = "/run/signet/admin.sock", .mode = 0600, .group = "", .group_required = true};
  // Callers are slurmctld's adapter.
  SocketListener controller = {
      .path = "/run/signet/controller.sock", .mode = 0660, .group = "slurm", .group_required = false};
  NetworkListener grpc;
  // Where Prometheus scrapes; "off" for nowhere.
  std::string metrics_address = "127.0.0.1:6844";
  // Subject (RFC 4514) of the first Slurm authority; only the first start reads it.
  std::string authority_subject;
  // Its lifetime, and the control authority's.
  absl::Duration authority_lifetime = absl::Hours(24 * 365 * 10);
  // Seals the authorities' keys; empty in the file: <data_dir>/kek.
  std::string kek_file;
  policy::Profile node_profile = policy::NodeProfile();
  policy::Profile service_profile = policy::ServiceProfile();
  // How long a former authority stays in the bundle after a rotation: the longest walltime, since a job step reads the
  // bundle once, at its start.
  absl::Duration rotation_hold = authority::RotationRules().hold;
  telemetry::Level log_level = telemetry::Level::kInfo;
  rpc::Limits limits;
  // Taken over at SIGHUP.
  enrollment::RequestRates request_rates;
  KubernetesSection kubernetes;
};

// Every fault at once, one line each: INVALID_ARGUMENT / CONFIGURATION.
absl::StatusOr<Config> ParseConfig(absl::string_view file_name, absl::string_view text);
// Reads and parses a file.
absl::StatusOr<Config> LoadConfig(const std::string& path);

// The keys in which two configurations differ and that only a restart takes over, such as "listen.grpc.address".
std::vector<std::string> KeysThatNeedARestart(const Config& running, const Config& wanted);

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_CONFIG_H_
