#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/ownership.h"
#include "cli/service_certificate.h"
#include "cli/staged_files.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

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

// Root writes for the user that the service runs as; slurmrestd's is never SlurmUser, so it must be named.
absl::StatusOr<PairRights> RightsFor(const Options& options) {
  PairRights result;
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
    result.key_mode = 0640;
  }
  return result;
}

// What stands in the way is named before the certificate is gone for good.
std::string Replaced(const PairPaths& paths, absl::Time now) {
  absl::StatusOr<std::string> old = files::Read(paths.cert);
  if (!old.ok()) return "";
  absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(*old);
  if (!chain.ok()) return absl::StrCat("replaced ", paths.cert, ", which held no certificate");
  const x509::Certificate& leaf = chain->front();
  return absl::StrCat("replaced certificate ", leaf.serial(), " of ", leaf.common_name(), ", which ends ",
                      RelativeTime(leaf.not_after(), now));
}

absl::Status PrintIssued(Session& session, const Options& options, const ServiceFiles& files,
                         const IssuedService& issued) {
  const x509::Certificate& leaf = issued.chain.front();
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
  add("certificate", files.pair.cert);
  add("key", files.pair.key);
  add("ca_certificate", files.ca);
  add("bundle_generation", absl::StrCat(issued.generation));
  add("next", options.service == "slurmctld" ? "scontrol reconfigure (or systemctl restart slurmctld)"
                                             : absl::StrCat("systemctl restart ", options.service));
  return session.Print({.text = [&](bool) { return list.Text(); }, .message = &document, .names = {leaf.serial()}});
}

absl::Status Issue(Session& session, const Options& options) {
  const ServiceFiles files = ServiceFilesOf(options.service, options.layout, options.dir);
  SIGNET_ASSIGN_OR_RETURN(const PairRights rights, RightsFor(options));
  SIGNET_RETURN_IF_ERROR(CheckCanCreateFilesIn(files.dir));
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, AskForClusterPin(session, options.pin));
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would ask ", pin.cluster, " for a certificate of ", options.service,
                              " and write ", files.pair.key, ", ", files.pair.cert, " and ", files.ca));
    return absl::OkStatus();
  }
  const std::string replaced = Replaced(files.pair, session.Now());
  SIGNET_ASSIGN_OR_RETURN(const IssuedService issued, IssueService(session, options.service, files, rights, pin));
  if (!replaced.empty()) session.Note(replaced);
  return PrintIssued(session, options, files, issued);
}

}  // namespace

Action DeclareServiceIssue(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("service", options->service, "slurmctld, slurmdbd or slurmrestd")
      ->required()
      ->check(CLI::IsMember(Services()));
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
