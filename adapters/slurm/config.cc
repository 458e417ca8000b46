#include "adapters/slurm/config.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/yaml/strict_reader.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kPinBytes = 32;
constexpr std::size_t kMostServers = 8;

void RequireAbsolute(yaml::Section& section, absl::string_view key, const std::string& path) {
  if (!absl::StartsWith(path, "/")) section.Fault(key, "must be an absolute path", "/…");
}

// Of 64 hex digits; empty for anything else.
std::string PinFromHex(absl::string_view hex) {
  if (hex.size() != 2 * kPinBytes || !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) return "";
  return absl::HexStringToBytes(hex);
}

void ReadPin(yaml::Section& root, Config* config) {
  root.String("bundle_pin_file", &config->bundle_pin_file);
  if (root.Has("bundle_pin_file")) RequireAbsolute(root, "bundle_pin_file", config->bundle_pin_file);
  std::string hex;
  root.String("bundle_pin", &hex);
  if (hex.empty()) return;
  if (root.Has("bundle_pin_file")) root.Fault("bundle_pin_file", "bundle_pin is set, too", "one of the two");
  config->bundle_pin = PinFromHex(hex);
  if (config->bundle_pin.empty()) {
    root.Fault("bundle_pin", "must be a SHA-256", "64 hexadecimal digits, as signetctl status shows them");
  }
}

void ReadService(yaml::Section service, Config* config) {
  if (!service.present()) return;
  service.String("cert", &config->service_cert, {.required = true});
  service.String("key", &config->service_key, {.required = true});
  RequireAbsolute(service, "cert", config->service_cert);
  RequireAbsolute(service, "key", config->service_key);
}

}  // namespace

absl::StatusOr<std::string> ConfiguredPin(const Config& config) {
  if (config.bundle_pin_file.empty()) return config.bundle_pin;
  const auto refused = [&config](absl::string_view why) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat("bundle_pin_file ", config.bundle_pin_file, ": ", why),
        "has signetd published its bundle yet? kubernetes.publish in signetd.yaml; its log says what it lacks");
  };
  const absl::StatusOr<std::string> text = files::Read(config.bundle_pin_file);
  if (!text.ok()) return refused(text.status().message());
  std::string pin = PinFromHex(absl::StripAsciiWhitespace(*text));
  if (pin.empty()) return refused("must hold 64 hexadecimal digits");
  return pin;
}

std::string ConfigPath() {
  const char* const path = secure_getenv("SIGNET_SLURM_CONFIG");
  return path != nullptr && *path != '\0' ? path : kConfigFile;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  Config config;
  absl::StatusOr<std::string> text = files::Read(path);
  if (absl::IsNotFound(text.status()) && path == kConfigFile) return config;
  if (!text.ok()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kConfiguration, text.status().message(),
                         absl::StrCat("ls -l ", path));
  }
  yaml::StrictReader reader = yaml::StrictReader::FromText(path, *text);
  yaml::Section root = reader.root();
  root.String("cluster", &config.cluster);
  root.Strings("servers", &config.servers);
  if (config.servers.empty() || config.servers.size() > kMostServers)
    root.Fault("servers", "a list of 1 to 8 addresses");
  yaml::Section tls = root.Child("tls");
  tls.String("cert", &config.tls.cert);
  tls.String("key", &config.tls.key);
  tls.String("ca", &config.tls.ca);
  root.String("ca_cert_file", &config.ca_cert_file);
  RequireAbsolute(root, "ca_cert_file", config.ca_cert_file);
  root.Strings("token_files", &config.token_files);
  for (const std::string& file : config.token_files) RequireAbsolute(root, "token_files", file);
  root.String("state_dir", &config.state_dir);
  RequireAbsolute(root, "state_dir", config.state_dir);
  root.String("slurmd_spool_dir", &config.slurmd_spool_dir);
  RequireAbsolute(root, "slurmd_spool_dir", config.slurmd_spool_dir);
  yaml::Section kubernetes = root.Child("kubernetes");
  kubernetes.String("token_file", &config.kubernetes_token_file);
  RequireAbsolute(kubernetes, "token_file", config.kubernetes_token_file);
  ReadPin(root, &config);
  ReadService(root.Child("service"), &config);
  root.Strings("bundle_sources", &config.bundle_sources);
  for (const std::string& file : config.bundle_sources) RequireAbsolute(root, "bundle_sources", file);
  root.Child("certgen").String("subject", &config.certgen_subject);
  SIGNET_RETURN_IF_ERROR(reader.Finish());
  return config;
}

}  // namespace signet::slurm
