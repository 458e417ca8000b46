#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/failure.h"

namespace signet::cli {
namespace {

struct Options {
  std::string libexec = "/usr/libexec/signet";
  std::string dir = "/etc/slurm";
  std::string component = "slurmctld";
};

std::string Slurm(const Options& options) {
  const std::string& dir = options.dir;
  const std::string script = options.libexec + "/";
  return absl::StrCat(
      "# Signet: the same lines in slurm.conf on every host.\n"
      "# Once TLSType is set, clear-text RPCs are refused: stop all daemons, change the file everywhere, start "
      "slurmctld, then slurmd.\n"
      "TLSType=tls/s2n\n"
      "TLSParameters=ca_cert_file=",
      dir, "/ca_cert.pem", ",ctld_cert_file=", dir, "/ctld_cert.pem,ctld_cert_key_file=", dir, "/ctld_cert_key.pem",
      ",restd_cert_file=", dir, "/restd_cert.pem,restd_cert_key_file=", dir,
      "/restd_cert_key.pem\n"
      "CertmgrType=certmgr/script\n"
      "CertmgrParameters=get_node_token_script=",
      script, "get-node-token", ",generate_csr_script=", script, "generate-csr", ",get_node_cert_key_script=", script,
      "get-node-cert-key", ",validate_node_script=", script, "validate-node", ",sign_csr_script=", script,
      "sign-csr\n"
      "CertgenType=certgen/script\n"
      "CertgenParameters=certgen_script=",
      script, "certgen,keygen_script=", script,
      "keygen\n"
      "# While setting up; AuditTLS and Script write CSRs and tokens' statements to the log:\n"
      "#DebugFlags=TLS,AuditTLS\n");
}

std::string Slurmdbd(const Options& options) {
  return absl::StrCat(
      "# Signet: for slurmdbd.conf.\n"
      "TLSType=tls/s2n\n"
      "TLSParameters=ca_cert_file=",
      options.dir, "/ca_cert.pem,dbd_cert_file=", options.dir, "/dbd_cert.pem,dbd_cert_key_file=", options.dir,
      "/dbd_cert_key.pem\n"
      "#DebugFlags=TLS,AuditTLS\n");
}

// Slurm splits parameters at commas and lines at blanks, and runs scripts by absolute path only.
absl::Status CheckPath(absl::string_view option, absl::string_view path) {
  if (absl::StartsWith(path, "/") && path.find_first_of(" \t\r\n,=#\"'") == absl::string_view::npos)
    return absl::OkStatus();
  return UsageError(absl::StrCat(option, " must be an absolute path without blanks, commas, quotes, = and #"));
}

}  // namespace

Action DeclareSlurmConfPrint(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--libexec", options->libexec, "where signet-slurm's script names are")->capture_default_str();
  app.add_option("--dir", options->dir, "where the PEM files are, on every host")->capture_default_str();
  app.add_option("--component", options->component, "slurmctld (slurm.conf) or slurmdbd (slurmdbd.conf)")
      ->check(CLI::IsMember({"slurmctld", "slurmdbd"}))
      ->capture_default_str();
  return [options](Session& session) -> absl::Status {
    for (const auto& [name, path] : {std::pair("--libexec", options->libexec), std::pair("--dir", options->dir)}) {
      if (absl::Status status = CheckPath(name, path); !status.ok()) return status;
    }
    session.out() << (options->component == "slurmdbd" ? Slurmdbd(*options) : Slurm(*options));
    return session.Flush();
  };
}

}  // namespace signet::cli
