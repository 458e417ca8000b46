#include "services/server/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/issuance/named_certificates.h"
#include "services/kubernetes/token.h"
#include "services/x509/name.h"
#include "services/yaml/strict_reader.h"

namespace signet::server {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr std::size_t kMostConfigMaps = 16;

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// "127.0.0.1:6844" or "[::1]:6844": a name would bind wherever DNS says today.
bool IsListenAddress(absl::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return false;
  std::string host(address.substr(0, colon));
  const absl::string_view port = address.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != absl::StrContains(host, ":")) return false;
  int number = 0;
  const bool digits = !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), absl::ascii_isdigit);
  return IsIpAddress(host) && digits && absl::SimpleAtoi(port, &number) && number >= 1 && number <= 65535;
}

bool IsClusterName(const std::string& name) {
  return !name.empty() && name.size() <= 40 && absl::ascii_isalnum(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

bool IsAbsolute(absl::string_view path) { return !path.empty() && path.front() == '/'; }

void ReadSocket(yaml::Section section, SocketListener* listener) {
  section.String("socket", &listener->path);
  section.Mode("mode", &listener->mode);
  section.String("group", &listener->group);
  if (section.Has("group")) listener->group_required = true;
  constexpr std::size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (!IsAbsolute(listener->path) || listener->path.size() > kMost) {
    section.Fault("socket", "not a usable path", absl::StrCat("an absolute path of at most ", kMost, " bytes"));
  }
  if ((listener->mode & 0007) != 0 || (listener->mode & 0600) != 0600) {
    section.Fault("mode", "whoever connects has this listener's rights", "\"0600\", \"0660\"");
  }
}

void ReadListen(yaml::Section listen, Config* config) {
  ReadSocket(listen.Child("admin"), &config->admin);
  ReadSocket(listen.Child("controller"), &config->controller);
  if (config->admin.path == config->controller.path) {
    listen.Child("controller").Fault("socket", "the same as listen.admin.socket", "a path of its own");
  }
  yaml::Section grpc = listen.Child("grpc");
  grpc.String("address", &config->grpc.address);
  grpc.Strings("names", &config->grpc.names);
  if (!config->grpc.address.empty() && !IsListenAddress(config->grpc.address)) {
    grpc.Fault("address", "not an address", "an IP address and a port, such as 0.0.0.0:6843 or [::]:6843");
  }
  if (!config->grpc.address.empty() && config->grpc.names.empty()) {
    grpc.Fault("names", "missing: clients compare the name they connect to", "a list of host names such as [head1]");
  }
  if (config->grpc.address.empty() && grpc.Has("names")) {
    grpc.Fault("address", "missing, while names are given", "an IP address and a port, such as 0.0.0.0:6843");
  }
  for (const std::string& name : config->grpc.names) {
    if (const absl::Status fits = issuance::CheckListenerName(name); !fits.ok()) {
      grpc.Fault("names", fits.message(), "host names such as head1.example");
    }
  }
  if (config->grpc.names.size() > issuance::kMostListenerNames) {
    grpc.Fault("names", "too many names", absl::StrCat("at most ", issuance::kMostListenerNames));
  }
  yaml::Section metrics = listen.Child("metrics");
  metrics.String("address", &config->metrics_address);
  if (config->metrics_address != "off" && !IsListenAddress(config->metrics_address)) {
    metrics.Fault("address", "not an address", "an IP address and a port, such as 127.0.0.1:6844, or off");
  }
}

void ReadAuthority(yaml::Section authority, Config* config) {
  authority.String("subject", &config->authority_subject);
  authority.Duration("lifetime", &config->authority_lifetime, 30 * kDay, 30 * 365 * kDay);
  if (config->authority_subject.empty()) config->authority_subject = absl::StrCat("CN=Slurm CA ", config->cluster);
  if (const auto name = x509::NameDerFromText(config->authority_subject); !name.ok()) {
    authority.Fault("subject", name.status().message(), "RFC 4514 text such as CN=Slurm CA,O=Example");
  }
}

void ReadProfile(yaml::Section section, absl::Duration authority_lifetime, policy::Profile* profile) {
  section.Duration("lifetime", &profile->lifetime, absl::Hours(1), 825 * kDay);
  if (profile->lifetime > authority_lifetime) {
    section.Fault("lifetime", "longer than authority.lifetime", "no certificate outlives its authority");
  }
}

telemetry::Level LevelOf(const std::string& name) {
  static const std::map<std::string, telemetry::Level> kLevels = {{"debug", telemetry::Level::kDebug},
                                                                  {"info", telemetry::Level::kInfo},
                                                                  {"warning", telemetry::Level::kWarning},
                                                                  {"error", telemetry::Level::kError}};
  const auto found = kLevels.find(name);
  return found == kLevels.end() ? telemetry::Level::kInfo : found->second;
}

// "https://host" or "https://host:port": what stands behind it is Kubernetes' own.
bool IsApiAddress(absl::string_view address) {
  if (!absl::ConsumePrefix(&address, "https://") || address.empty() || address.size() > 255) return false;
  return (absl::ascii_isalnum(address.back()) || address.back() == ']') &&
         std::all_of(address.begin(), address.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
         });
}

// "namespace/name", of a service account, ConfigMap or Secret.
bool IsNamespacedName(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  return parts.size() == 2 && kubernetes::IsDnsLabel(parts[0]) && kubernetes::IsDnsSubdomain(parts[1]);
}

bool IsAudience(absl::string_view audience) {
  return audience.size() <= 255 && std::all_of(audience.begin(), audience.end(), absl::ascii_isgraph);
}

void ReadServiceAccounts(yaml::Section section, KubernetesSection* kubernetes) {
  for (const std::string& account : section.Keys()) {
    std::string daemon;
    section.Choice(account, &daemon, {"slurmd", "sackd", "controller", "tester"});
    if (!IsNamespacedName(account)) {
      section.Fault(account, "not a service account", "namespace/name, such as slurm/slurm-worker");
    }
    kubernetes->service_accounts[account] = daemon;
  }
}

void ReadServiceSecrets(yaml::Section section, std::map<std::string, std::string>* secrets) {
  std::set<std::string> kept;
  for (const std::string& secret : section.Keys()) {
    std::string service;
    section.Choice(secret, &service, {"slurmctld", "slurmdbd", "slurmrestd"});
    if (!IsNamespacedName(secret)) {
      section.Fault(secret, "not a Secret", "namespace/name, such as slurm/signet-slurmctld-tls");
    }
    // Of a service's certificates, all but the one in its Secret are judged to be served by nobody.
    if (!service.empty() && !kept.insert(service).second) {
      section.Fault(secret, absl::StrCat(service, " has a Secret already"), "one Secret for each service");
    }
    (*secrets)[secret] = service;
  }
}

void ReadPublish(yaml::Section section, PublishSection* publish) {
  publish->on = section.present();
  section.Strings("bundle_config_maps", &publish->bundle_config_maps);
  std::set<std::string> named;
  for (const std::string& config_map : publish->bundle_config_maps) {
    if (!IsNamespacedName(config_map)) {
      section.Fault("bundle_config_maps", "not a ConfigMap", "namespace/name, such as slurm/signet-bundle");
    }
    if (!named.insert(config_map).second)
      section.Fault("bundle_config_maps", absl::StrCat(config_map, " stands twice"));
  }
  if (publish->bundle_config_maps.size() > kMostConfigMaps) {
    section.Fault("bundle_config_maps", "too many", absl::StrCat("at most ", kMostConfigMaps));
  }
  ReadServiceSecrets(section.Child("service_secrets"), &publish->service_secrets);
  if (publish->on && publish->bundle_config_maps.empty() && publish->service_secrets.empty()) {
    section.Fault("bundle_config_maps", "missing, and no service_secrets: nothing would be published",
                  "a list of namespace/name");
  }
}

void ReadKubernetes(yaml::Section section, KubernetesSection* kubernetes) {
  kubernetes->on = section.present();
  section.String("api", &kubernetes->api);
  if (!IsApiAddress(kubernetes->api)) {
    section.Fault("api", "not an address",
                  "https://, a host and perhaps a port, such as https://kubernetes.default.svc");
  }
  section.String("ca_file", &kubernetes->ca_file);
  if (!IsAbsolute(kubernetes->ca_file)) section.Fault("ca_file", "not a usable path", "an absolute path");
  section.String("token_file", &kubernetes->token_file);
  if (!IsAbsolute(kubernetes->token_file)) section.Fault("token_file", "not a usable path", "an absolute path");
  section.String("audience", &kubernetes->audience);
  if (!IsAudience(kubernetes->audience)) {
    section.Fault("audience", "not an audience", "at most 255 visible characters without spaces");
  }
  section.Choice("slurmd_owner", &kubernetes->slurmd_owner, {"nodeset", "any"});
  ReadServiceAccounts(section.Child("service_accounts"), kubernetes);
  if (kubernetes->on && kubernetes->service_accounts.empty()) {
    section.Fault("service_accounts", "missing: no pod could enrol",
                  "namespace/name: slurmd, sackd, controller or tester");
  }
  ReadPublish(section.Child("publish"), &kubernetes->publish);
}

void ReadRoot(yaml::Section root, Config* config) {
  root.String("cluster", &config->cluster, {.required = true});
  if (!config->cluster.empty() && !IsClusterName(config->cluster)) {
    root.Fault("cluster", "not a cluster name", "1 to 40 letters, digits, - and _, as ClusterName in slurm.conf");
  }
  root.String("data_dir", &config->data_dir);
  if (!IsAbsolute(config->data_dir)) root.Fault("data_dir", "not a usable path", "an absolute path");
  ReadListen(root.Child("listen"), config);
  ReadAuthority(root.Child("authority"), config);

  yaml::Section keys = root.Child("keys");
  std::string kind;
  keys.Choice("kind", &kind, {"sealed"});
  keys.String("kek_file", &config->kek_file);
  if (config->kek_file.empty()) config->kek_file = absl::StrCat(config->data_dir, "/kek");
  if (!IsAbsolute(config->kek_file)) keys.Fault("kek_file", "not a usable path", "an absolute path");
  root.Child("store").Choice("kind", &kind, {"sqlite"});

  yaml::Section profiles = root.Child("profiles");
  ReadProfile(profiles.Child("node"), config->authority_lifetime, &config->node_profile);
  ReadProfile(profiles.Child("service"), config->authority_lifetime, &config->service_profile);

  root.Child("rotation").Duration("hold", &config->rotation_hold, kDay, 365 * kDay);

  std::string level = "info";
  root.Child("log").Choice("level", &level, {"debug", "info", "warning", "error"});
  config->log_level = LevelOf(level);

  yaml::Section limits = root.Child("limits");
  limits.Int("max_concurrent_calls", &config->limits.max_concurrent_calls, 1, 4096);
  limits.Int("message_bytes", &config->limits.message_bytes, 1 << 18, 1 << 24);
  limits.Int("requests_per_key_per_minute", &config->request_rates.requests_per_key_per_minute, 1, 6000);
  limits.Int("unproven_failures_per_minute", &config->request_rates.unproven_failures_per_minute, 1, 10000);

  ReadKubernetes(root.Child("kubernetes"), &config->kubernetes);
}

}  // namespace

absl::StatusOr<Config> ParseConfig(absl::string_view file_name, absl::string_view text) {
  yaml::StrictReader reader = yaml::StrictReader::FromText(file_name, text);
  Config config;
  ReadRoot(reader.root(), &config);
  SIGNET_RETURN_IF_ERROR(reader.Finish());
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(const std::string text, files::Read(path));
  return ParseConfig(path, text);
}

std::vector<std::string> KeysThatNeedARestart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto compare = [&keys](const char* key, bool same) {
    if (!same) keys.emplace_back(key);
  };
  compare("cluster", running.cluster == wanted.cluster);
  compare("data_dir", running.data_dir == wanted.data_dir);
  compare("listen.admin.socket", running.admin.path == wanted.admin.path);
  compare("listen.admin.mode", running.admin.mode == wanted.admin.mode);
  compare("listen.admin.group", running.admin.group == wanted.admin.group);
  compare("listen.controller.socket", running.controller.path == wanted.controller.path);
  compare("listen.controller.mode", running.controller.mode == wanted.controller.mode);
  compare("listen.controller.group", running.controller.group == wanted.controller.group);
  compare("listen.grpc.address", running.grpc.address == wanted.grpc.address);
  compare("listen.grpc.names", running.grpc.names == wanted.grpc.names);
  compare("listen.metrics.address", running.metrics_address == wanted.metrics_address);
  compare("keys.kek_file", running.kek_file == wanted.kek_file);
  compare("profiles.node.lifetime", running.node_profile.lifetime == wanted.node_profile.lifetime);
  compare("profiles.service.lifetime", running.service_profile.lifetime == wanted.service_profile.lifetime);
  compare("rotation.hold", running.rotation_hold == wanted.rotation_hold);
  compare("limits.message_bytes", running.limits.message_bytes == wanted.limits.message_bytes);
  if (running.kubernetes.on != wanted.kubernetes.on) {
    keys.emplace_back("kubernetes");
    return keys;
  }
  compare("kubernetes.api", running.kubernetes.api == wanted.kubernetes.api);
  compare("kubernetes.ca_file", running.kubernetes.ca_file == wanted.kubernetes.ca_file);
  compare("kubernetes.token_file", running.kubernetes.token_file == wanted.kubernetes.token_file);
  compare("kubernetes.audience", running.kubernetes.audience == wanted.kubernetes.audience);
  compare("kubernetes.slurmd_owner", running.kubernetes.slurmd_owner == wanted.kubernetes.slurmd_owner);
  compare("kubernetes.publish.bundle_config_maps",
          running.kubernetes.publish.bundle_config_maps == wanted.kubernetes.publish.bundle_config_maps);
  compare("kubernetes.publish.service_secrets",
          running.kubernetes.publish.service_secrets == wanted.kubernetes.publish.service_secrets);
  return keys;
}

}  // namespace signet::server
