// /etc/signet/signet-slurm.yaml: optional, without secrets; packaging/signet-slurm.yaml comments every key.
#ifndef SIGNET_ADAPTERS_SLURM_CONFIG_H_
#define SIGNET_ADAPTERS_SLURM_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/connection.h"

namespace signet::slurm {

inline constexpr char kConfigFile[] = "/etc/signet/signet-slurm.yaml";

// Every key has a default that fits a head node.
struct Config {
  std::string cluster;  // empty: the token file's
  std::vector<std::string> servers = {"unix:/run/signet/controller.sock"};
  clients::TlsFiles tls = {"/etc/signet/control.pem", "/etc/signet/control.key", "/etc/signet/control_ca.pem"};
  std::string ca_cert_file = "/etc/slurm/ca_cert.pem";
  // "{node}" stands for the node's name; the first good one for this node and daemon is used.
  std::vector<std::string> token_files = {"/etc/signet/{node}.token", "/etc/signet/token",
                                          "/etc/slurm/certmgr/{node}_token.txt", "/etc/slurm/certmgr/token"};
  std::string state_dir = "/var/lib/signet-slurm";
  std::string slurmd_spool_dir = "/var/spool/slurmd";  // SlurmdSpoolDir of slurm.conf, with its %n and %h
  // This pod's projected ServiceAccount token; where there is no such file, this is not Kubernetes.
  std::string kubernetes_token_file = "/var/run/secrets/signet/token";
  std::string bundle_pin;                   // raw SHA-256; empty: bundle_pin_file's, or the token file's
  std::string bundle_pin_file;              // holds 64 hex digits; trust in whoever may write it
  std::vector<std::string> bundle_sources;  // files with a signed bundle
  std::string certgen_subject = "CN={host}";
  // What the Slurm service of this pod or host serves; empty: Slurm's own names beside ca_cert_file.
  std::string service_cert;
  std::string service_key;
};

// The file that SIGNET_SLURM_CONFIG names, unless this program runs set-uid; else kConfigFile.
std::string ConfigPath();

// The raw SHA-256 that bundle_pin gives, or bundle_pin_file now: a ConfigMap may be filled later, or change. Empty when
// neither is configured. FAILED_PRECONDITION / CONFIGURATION for a file that is missing or holds no pin.
absl::StatusOr<std::string> ConfiguredPin(const Config& config);

// The defaults where `path` does not exist and was not asked for. INVALID_ARGUMENT / CONFIGURATION lists every fault.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_CONFIG_H_
