#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/anchor.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string file;
  std::string ca_key;
  std::string chain;
};

constexpr char kWriteBundle[] = "signetctl bundle write --dir /etc/slurm";

absl::StatusOr<std::string> ReadChain(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(std::string text, files::Read(path));
  if (!absl::StrContains(text, "PRIVATE KEY")) return text;
  base::WipeString(text);
  return UsageError(absl::StrCat(path, " holds a private key: only certificates are wanted, and nothing was sent"),
                    "name a file with the chain alone");
}

// Proves that the key is this certificate's before it goes anywhere.
absl::StatusOr<base::SecretBytes> ReadCaKey(const std::string& path, const std::string& certificate_pem) {
  SIGNET_ASSIGN_OR_RETURN(base::SecretBytes pem, files::ReadSecret(path));
  const absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(pem);
  if (!key.ok()) return UsageError(absl::StrCat(path, ": ", key.status().message()));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromPem(certificate_pem));
  if (key->public_key() == certificate.public_key()) return pem;
  return UsageError(absl::StrCat(path, " is not the key of ", certificate.subject(), "; nothing was sent"),
                    "name the certificate and the key of one CA");
}

absl::StatusOr<v1::ImportAuthorityResponse> ImportChain(Session& session, const std::string& path) {
  v1::ImportAuthorityRequest request;
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_chain_pem(), ReadChain(path));
  request.set_dry_run(session.options().dry_run);
  return session.Call(&v1::CertAuthority::Stub::ImportAuthority, request);
}

absl::StatusOr<v1::ImportAuthorityResponse> ImportWithKey(Session& session, const Options& options) {
  if (!session.OnSocket()) {
    return UsageError("a CA's key goes over signetd's admin socket only; nothing was sent",
                      absl::StrCat("on signetd's host, as root: signetctl authority import ", options.file,
                                   " --ca-key ", options.ca_key));
  }
  v1::ImportAuthorityRequest request;
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_certificate_pem(), ReadAnchor(options.file));
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes key, ReadCaKey(options.ca_key, request.certificate_pem()));
  request.mutable_key_pem()->assign(key.ExposeSecret().data(), key.size());
  request.set_dry_run(session.options().dry_run);
  auto response = session.Call(&v1::CertAuthority::Stub::ImportAuthority, request);
  base::WipeString(*request.mutable_key_pem());
  return response;
}

std::string NextOf(const v1::ImportAuthorityResponse& response, const Options& options) {
  if (!options.chain.empty()) {
    return absl::StrCat("# It signs nothing yet. Next: ", kWriteBundle,
                        " && scontrol reconfigure\n"
                        "# then, until every host has loaded its root: signetctl rotation status --wait\n");
  }
  if (options.ca_key.empty()) {
    return absl::StrCat("# It is in bundle generation ", response.bundle_generation(),
                        " and signs nothing here. Next: ", kWriteBundle, "\n");
  }
  return absl::StrCat("# Next: ", kWriteBundle,
                      " && scontrol reconfigure\n"
                      "# Its key is sealed in signetd's store. When no script signs with it any more, remove ",
                      options.ca_key, " and every other copy.\n");
}

std::string Text(Session& session, const v1::ImportAuthorityResponse& response, const Options& options, bool wide) {
  google::protobuf::RepeatedPtrField<v1::Authority> rows;
  *rows.Add() = response.authority();
  std::string text = AuthorityRows(rows, session.Now(), wide);
  if (response.has_plan()) {
    absl::StrAppend(&text, "\n", PlanText(response.plan(), response.changed(), session.Now()));
  }
  if (session.options().dry_run) return absl::StrCat(text, "# dry run: nothing was changed\n");
  if (!response.changed() && response.has_plan())
    return absl::StrCat(text, "# It stood so already: nothing was changed\n");
  return absl::StrCat(text, NextOf(response, options));
}

absl::StatusOr<v1::ImportAuthorityResponse> Ask(Session& session, const Options& options) {
  if (options.file.empty() == options.chain.empty()) {
    return UsageError(
        "name either a root certificate or, with --chain, what an offline root signed",
        "signetctl authority import FILE --dry-run, or signetctl authority import --chain FILE --dry-run");
  }
  if (!options.chain.empty() && !options.ca_key.empty()) {
    return UsageError("--ca-key goes with a root certificate: the key of a chain's first one is in signetd's store",
                      "signetctl authority import --chain FILE --dry-run");
  }
  if (!options.chain.empty()) return ImportChain(session, options.chain);
  if (!options.ca_key.empty()) return ImportWithKey(session, options);
  SIGNET_ASSIGN_OR_RETURN(const std::string pem, ReadAnchor(options.file));
  return ImportAnchor(session, pem, session.options().dry_run);
}

absl::Status Import(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const v1::ImportAuthorityResponse response, Ask(session, options));
  const auto text = [&](bool wide) { return Text(session, response, options, wide); };
  return session.Print({.text = text, .message = &response, .names = {response.authority().id()}});
}

}  // namespace

Action DeclareAuthorityImport(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "one self-signed CA certificate, PEM; never its key");
  app.add_option("--ca-key", options->ca_key,
                 "its private key, mode 0600 or less: it vouches for the active authority; on signetd's host only");
  app.add_option("--chain", options->chain,
                 "PEM: what was signed for authority create --subordinate, then the intermediate ones, the root last");
  return [options](Session& session) { return Import(session, *options); };
}

}  // namespace signet::cli
