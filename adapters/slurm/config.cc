#include "adapters/slurm/config.h"

#include <cstdlib>

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

void ReadPin(yaml::Section& root, std::string* pin) {
  std::string hex;
  root.String("bundle_pin", &hex);
  if (hex.empty()) return;
  if (hex.size() != 2 * kPinBytes || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    root.Fault("bundle_pin", "must be a SHA-256", "64 hexadecimal digits, as signetctl status shows them");
    return;
  }
  *pin = absl::HexStringToBytes(hex);
}

}  // namespace

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
  ReadPin(root, &config.bundle_pin);
  root.Strings("bundle_sources", &config.bundle_sources);
  for (const std::string& file : config.bundle_sources) RequireAbsolute(root, "bundle_sources", file);
  root.Child("certgen").String("subject", &config.certgen_subject);
  SIGNET_RETURN_IF_ERROR(reader.Finish());
  return config;
}

}  // namespace signet::slurm
