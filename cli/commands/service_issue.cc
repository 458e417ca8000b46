#include <unistd.h>

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/issued.h"
#include "cli/ownership.h"
#include "cli/staged_files.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string service;
  std::string dir;
  std::string layout = "slurm";
  std::string owner;
  std::string group;
  std::string pin;
};

// One service's files.
struct Paths {
  std::string dir;
  std::string ca;
  std::string cert;
  std::string key;
};

// "slurm": the default names of Slurm's TLS page. "lab": those of the published lab scripts.
Paths PathsOf(const Options& options) {
  if (options.layout == "lab") {
    const std::string dir = options.dir.empty() ? "/etc/slurm/certmgr" : options.dir;
    const std::string stem = absl::StrCat(dir, "/", options.service);
    return {dir, dir + "/slurm_ca.pem", stem + ".pem", stem + ".key"};
  }
  static const auto& prefixes =
      *new std::map<std::string, std::string>{{"slurmctld", "ctld"}, {"slurmdbd", "dbd"}, {"slurmrestd", "restd"}};
  const std::string dir = options.dir.empty() ? "/etc/slurm" : options.dir;
  const std::string stem = absl::StrCat(dir, "/", prefixes.at(options.service));
  return {dir, dir + "/ca_cert.pem", stem + "_cert.pem", stem + "_cert_key.pem"};
}

struct Ownership {
  uid_t user = static_cast<uid_t>(-1);
  gid_t group = static_cast<gid_t>(-1);
};

// Root writes for the user that the service runs as; slurmrestd's is never SlurmUser, so it must be named.
absl::StatusOr<Ownership> OwnershipOf(const Options& options) {
  Ownership result;
  std::string owner = options.owner;
  if (owner.empty() && geteuid() == 0) {
    if (options.service == "slurmrestd") return UsageError("name the user that slurmrestd runs as: --owner USER");
    owner = "slurm";
  }
  if (!owner.empty()) {
    SIGNET_ASSIGN_OR_RETURN(result.user, UserId(owner));
  }
  if (!options.group.empty()) {
    SIGNET_ASSIGN_OR_RETURN(result.group, GroupId(options.group));
  }
  return result;
}

// What stands in the way is named before the certificate is gone for good.
std::string Replaced(const Paths& paths, absl::Time now) {
  absl::StatusOr<std::string> old = files::Read(paths.cert);
  if (!old.ok()) return "";
  absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(*old);
  if (!chain.ok()) return absl::StrCat("replaced ", paths.cert, ", which held no certificate");
  const x509::Certificate& leaf = chain->front();
  return absl::StrCat("replaced certificate ", leaf.serial(), " of ", leaf.common_name(), ", which ends ",
                      RelativeTime(leaf.not_after(), now));
}

absl::Status WritePair(const Paths& paths, const Ownership& ownership, const keys::PrivateKey& key,
                       const std::vector<x509::Certificate>& chain, bool group_reads) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes key_pem, key.ToPem());
  StagedFiles staged;
  const mode_t key_mode = group_reads ? 0640 : 0600;
  SIGNET_RETURN_IF_ERROR(staged.Add(paths.key, key_pem.ExposeSecret(),
                                    {.mode = key_mode, .owner = ownership.user, .group = ownership.group}));
  SIGNET_RETURN_IF_ERROR(staged.Add(paths.cert, RenderChainFile(chain),
                                    {.mode = 0644, .owner = ownership.user, .group = ownership.group}));
  return staged.Commit();
}

absl::Status PrintIssued(Session& session, const Options& options, const Paths& paths, const x509::Certificate& leaf,
                         uint64_t generation) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  FieldList list;
  const auto add = [&](const std::string& name, const std::string& value) {
    fields[name].set_string_value(value);
    list.Add(name, value);
  };
  add("service", options.service);
  add("serial", leaf.serial());
  add("ends", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", leaf.not_after(), absl::UTCTimeZone()));
  add("certificate", paths.cert);
  add("key", paths.key);
  add("ca_certificate", paths.ca);
  add("bundle_generation", absl::StrCat(generation));
  add("next", options.service == "slurmctld" ? "scontrol reconfigure (or systemctl restart slurmctld)"
                                             : absl::StrCat("systemctl restart ", options.service));
  return session.Print({.text = [&](bool) { return list.Text(); }, .message = &document, .names = {leaf.serial()}});
}

// Whoever manages `ca_cert_file` may be behind: a certificate that its anchors do not verify would stop the service.
absl::Status CheckVerifiedByFile(const std::string& ca_cert_file, const std::vector<x509::Certificate>& chain,
                                 uint64_t generation, absl::Time now) {
  const auto verdict = [&]() -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const std::string pem, files::Read(ca_cert_file));
    SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, x509::Certificate::ListFromPem(pem));
    return x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()}, anchors, now);
  }();
  if (verdict.ok()) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat(ca_cert_file, " is managed elsewhere and does not verify the new certificate (",
                                    verdict.message(), "); nothing was written"),
                       absl::StrCat("place generation ", generation, " of the bundle there first"));
}

absl::Status Issue(Session& session, const Options& options) {
  const Paths paths = PathsOf(options);
  SIGNET_ASSIGN_OR_RETURN(const Ownership ownership, OwnershipOf(options));
  SIGNET_RETURN_IF_ERROR(CheckCanCreateFilesIn(paths.dir));
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, AskForClusterPin(session, options.pin));
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would ask ", pin.cluster, " for a certificate of ", options.service,
                              " and write ", paths.key, ", ", paths.cert, " and ", paths.ca));
    return absl::OkStatus();
  }
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  v1::IssueServiceCertificateRequest request;
  request.set_service(options.service);
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), keys::SignRequestPem(key, options.service, ""));
  SIGNET_ASSIGN_OR_RETURN(const v1::IssueServiceCertificateResponse response,
                          session.Call(&v1::CertAuthority::Stub::IssueServiceCertificate, request));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle trusted, VerifyBundle(response.signed_bundle(), pin));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> anchors, x509::Certificate::ListFromPem(trusted.ca_cert_pem));
  SIGNET_ASSIGN_OR_RETURN(
      const std::vector<x509::Certificate> chain,
      JudgeIssued(response.certificate_chain_pem(),
                  {.key = key.public_key(), .name = options.service, .anchors = std::move(anchors)}, session.Now()));
  // Anchors first: a certificate must never be on disk before what verifies it.
  SIGNET_ASSIGN_OR_RETURN(
      const bundle::WriteResult written,
      bundle::Write({.ca_cert_file = paths.ca, .memory_dir = "", .cluster = pin.cluster, .pin = pin.pin},
                    response.signed_bundle().SerializeAsString(), session.Now()));
  if (written == bundle::WriteResult::kManagedElsewhere) {
    SIGNET_RETURN_IF_ERROR(CheckVerifiedByFile(paths.ca, chain, trusted.generation, session.Now()));
    session.Note(absl::StrCat(paths.ca, " is managed elsewhere and was left alone"));
  }
  const std::string replaced = Replaced(paths, session.Now());
  SIGNET_RETURN_IF_ERROR(WritePair(paths, ownership, key, chain, !options.group.empty()));
  if (!replaced.empty()) session.Note(replaced);
  return PrintIssued(session, options, paths, chain.front(), trusted.generation);
}

}  // namespace

Action DeclareServiceIssue(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("service", options->service, "slurmctld, slurmdbd or slurmrestd")
      ->required()
      ->check(CLI::IsMember({"slurmctld", "slurmdbd", "slurmrestd"}));
  app.add_option("--dir", options->dir, "where to write [/etc/slurm; lab: /etc/slurm/certmgr]");
  app.add_option("--layout", options->layout, "file names: slurm (Slurm's defaults) or lab (the documented lab's)")
      ->check(CLI::IsMember({"slurm", "lab"}))
      ->capture_default_str();
  app.add_option("--owner", options->owner, "user of the files, by name or number [slurm, when run as root]");
  app.add_option("--group", options->group, "group that may read the key (0640 instead of 0600)");
  app.add_option("--pin", options->pin, "bundle pin, 64 hex digits [the server's]");
  return [options](Session& session) { return Issue(session, *options); };
}

}  // namespace signet::cli
