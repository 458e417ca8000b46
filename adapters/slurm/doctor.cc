#include "adapters/slurm/doctor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adapters/slurm/held_bundle.h"
#include "adapters/slurm/host_report.h"
#include "adapters/slurm/identity_file.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/pod_token.h"
#include "adapters/slurm/pre_start.h"
#include "adapters/slurm/report.h"
#include "adapters/slurm/running_program.h"
#include "adapters/slurm/served_certificate.h"
#include "adapters/slurm/servers.h"
#include "adapters/slurm/spool_directory.h"
#include "adapters/slurm/token_search.h"
#include "services/base/reason.h"
#include "services/bundle/ca_file.h"
#include "services/files/file.h"
#include "services/names/node_name.h"

namespace signet::slurm {
namespace {

constexpr char kRefresh[] = "signet-slurm refresh   # as root";

std::string Utc(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

Finding Ok(absl::string_view what) { return {Level::kOk, std::string(what), ""}; }

Finding Of(Level level, absl::string_view what, const absl::Status& status, absl::string_view next) {
  const std::string own = base::NextOf(status);
  return {level, absl::StrCat(what, ": ", status.message()), own.empty() ? std::string(next) : own};
}

Finding ExamineCaFile(const Config& config, absl::Time now) {
  const absl::StatusOr<std::string> content = files::Read(config.ca_cert_file);
  if (!content.ok()) return Of(Level::kFault, "ca_cert_file", content.status(), kRefresh);
  const std::vector<std::string> faults = bundle::FaultsOfCaFile(*content, now);
  if (faults.empty()) {
    const std::vector<std::string> notes = bundle::NotesOfCaFile(*content, now);
    if (notes.empty()) return Ok(absl::StrCat(config.ca_cert_file, " is one that Slurm can read"));
    return {Level::kNote,
            absl::StrCat(config.ca_cert_file,
                         " is one that Slurm can read, though not all of it counts now: ", absl::StrJoin(notes, ", ")),
            "on the server: signetctl authority list"};
  }
  return {Level::kFault, absl::StrCat(config.ca_cert_file, ": ", absl::StrJoin(faults, ", ")), kRefresh};
}

Finding ExamineBundle(const Config& config, const Host& host, absl::Time now) {
  const absl::StatusOr<bundle::Bundle> held = HeldBundle(config, host, "", now);
  if (!held.ok()) {
    return Of(Level::kNote, "no verified trust bundle, so refresh or pre-start can do nothing", held.status(),
              kRefresh);
  }
  if (now < held->created_at) {
    return {Level::kFault,
            absl::StrCat("the clock says ", Utc(now), ", and the trust bundle was made at ", Utc(held->created_at)),
            "timedatectl"};
  }
  return Ok(absl::StrCat("the trust bundle verifies, generation ", held->generation));
}

Finding ExamineIdentity(const std::string& path) {
  const absl::StatusOr<base::SecretBytes> file = files::ReadSecret(path);
  const absl::Status status = file.ok() ? ParseIdentities(*file).status() : file.status();
  if (status.ok()) return Ok(absl::StrCat(path, " holds an identity key"));
  return Of(Level::kFault, path, status, absl::StrCat("ls -l ", path));
}

std::vector<Finding> ExamineNode(const Config& config, const Host& host) {
  const std::string daemon = host.uid == 0 ? "slurmd" : "sackd";
  std::vector<std::string> nodes = KnownNodes(config.state_dir, host.uid);
  const bool enrolled = !nodes.empty();
  if (!enrolled) nodes.push_back(host.name);
  std::vector<Finding> findings;
  for (const std::string& node : nodes) {
    if (enrolled) {
      findings.push_back(ExamineIdentity(absl::StrCat(config.state_dir, "/", host.uid, "/", node, "/identity")));
    }
    const TokenSearch search = FindToken(config, node, daemon);
    if (search.token.has_value()) {
      findings.push_back(Ok(absl::StrCat(search.token->path, " is a token for ", node, " (", daemon, ")")));
    } else {
      findings.push_back({Level::kNote,
                          absl::StrCat("no token for ", node, " (", daemon, "): ", absl::StrJoin(search.refused, ", ")),
                          absl::StrCat("on the server: signetctl token create ", node,
                                       daemon == "slurmd" ? "" : " --daemon sackd", " --out-dir DIR")});
    }
  }
  const absl::StatusOr<base::SecretBytes> pod_token = ReadPodToken(config.kubernetes_token_file);
  if (pod_token.ok()) findings.push_back(Ok(absl::StrCat(config.kubernetes_token_file, " is a pod's token")));
  if (!pod_token.ok() && !absl::IsNotFound(pod_token.status())) {
    findings.push_back(Of(Level::kFault, "pod", pod_token.status(), "kubectl describe pod"));
  }
  return findings;
}

Finding ExamineSpool(const Prospect& prospect) {
  const std::string enrol_anew = absl::StrCat("mv ", prospect.path, " ", prospect.path, kAsideSuffix,
                                              " && systemctl restart slurmd   # it enrols anew");
  switch (prospect.act) {
    case Prospect::Act::kNothing:
      if (!prospect.no_directory) return Ok(absl::StrCat(prospect.path, ": there is none, slurmd will enrol"));
      return {Level::kNote, absl::StrCat("pre-start finds nothing to judge: ", prospect.why),
              absl::StrCat("scontrol show config | grep SlurmdSpoolDir   # on a compute node: the same as "
                           "slurmd_spool_dir in ",
                           ConfigPath())};
    case Prospect::Act::kKeep:
      return Ok(absl::StrCat(prospect.path, ": ", prospect.why));
    case Prospect::Act::kMoveAside:
      return {Level::kNote, absl::StrCat(prospect.path, ": pre-start will move it aside: ", prospect.why),
              "systemctl restart slurmd   # it enrols anew"};
    case Prospect::Act::kLeaveAlone:
      break;
  }
  const std::string what =
      absl::StrCat(prospect.path, prospect.expired ? ": its certificate is over, and pre-start" : ": pre-start",
                   " would leave it alone: ", prospect.why);
  // What pre-start cannot read may be over as well.
  if (!prospect.readable) {
    return {Level::kFault, what, prospect.next.empty() ? absl::StrCat("ls -l ", prospect.path) : prospect.next};
  }
  return {prospect.expired ? Level::kFault : Level::kNote, what, enrol_anew};
}

// Pre-start runs before slurmd, as root.
std::vector<Finding> ExamineSpools(const Config& config, const Host& host, absl::Time now) {
  if (host.uid != 0) return {};
  std::vector<std::string> nodes = KnownNodes(config.state_dir, host.uid);
  if (nodes.empty()) nodes.push_back(host.name);
  std::vector<Finding> findings;
  std::set<std::string> seen;
  for (const std::string& node : nodes) {
    const Prospect prospect = Foresee(config, host, {node, ""}, now);
    if (seen.insert(prospect.path).second) findings.push_back(ExamineSpool(prospect));
  }
  return findings;
}

// What systemd makes of `systemctl enable signet-slurm-report.timer`.
constexpr char kReportTimer[] = "/etc/systemd/system/timers.target.wants/signet-slurm-report.timer";

// slurmd, sackd and slurmctld tell by their scripts what they have loaded; everything else by a report alone.
std::vector<Finding> ExamineReports(const Config& config, const Host& host) {
  const absl::StatusOr<std::vector<RunningProgram>> daemons = FindPrograms(SlurmDaemons());
  // A node whose daemon is down at the moment, or a pod, needs no report either.
  const bool is_node = !KnownNodes(config.state_dir, host.uid).empty() || files::Exists(config.kubernetes_token_file);
  if (!daemons.ok() || (daemons->empty() && is_node)) return {};
  if (files::Exists(kReportTimer)) return {Ok("signet-slurm-report.timer tells which trust bundle this host has")};
  if (daemons->empty()) {
    return {{Level::kNote, "no Slurm daemon runs here, and nothing tells signetd which trust bundle this host has",
             "systemctl enable --now signet-slurm-report.timer   # on a login or submit host"}};
  }
  std::vector<Finding> findings;
  for (const RunningProgram& daemon : *daemons) {
    if (!names::IsServiceName(daemon.name) || daemon.name == "slurmctld") continue;
    findings.push_back({Level::kNote,
                        absl::StrCat(daemon.name, " runs here: signetd knows what it has loaded from reports alone"),
                        absl::StrCat("signet-slurm report --program ", daemon.name,
                                     "   # by a timer: see signet-slurm-report.service")});
  }
  return findings;
}

// Those that run here and have a certificate of ours.
std::vector<Finding> ExamineServices(const Config& config, const Deadline& deadline) {
  const absl::StatusOr<std::vector<RunningProgram>> daemons = FindPrograms(SlurmDaemons());
  if (!daemons.ok()) return {};
  std::set<std::string> services;
  for (const RunningProgram& daemon : *daemons) {
    if (names::IsServiceName(daemon.name)) services.insert(daemon.name);
  }
  std::vector<Finding> findings;
  for (const std::string& service : services) {
    const std::string cert_file = ServiceFiles(config, service).front();
    if (!files::Exists(cert_file)) continue;
    const absl::Duration limit = std::min(kTimePerServer, deadline.left());
    findings.push_back(ExamineServed(service, DefaultPort(service), cert_file, limit));
  }
  return findings;
}

// By the one call that needs no rights.
Finding ExamineServer(const Config& config, const std::string& address, const Deadline& deadline) {
  if (absl::StartsWith(address, "unix:") && !files::Exists(address.substr(5))) {
    return {Level::kNote, absl::StrCat(address, ": no signetd on this host"),
            "systemctl status signetd   # on a controller; a compute node needs none"};
  }
  Config one = config;
  one.servers = {address};
  const Deadline share(std::min(kTimePerServer, deadline.left()));
  const absl::Status status = Servers(one, share).TrustBundle().status();
  if (status.ok()) return Ok(absl::StrCat(address, " answers"));
  return Of(Level::kFault, address, status, "systemctl status signetd   # on that host");
}

}  // namespace

std::vector<Finding> Examine(const Config& config, const Host& host, const Deadline& deadline, absl::Time now) {
  std::vector<Finding> findings = {ExamineCaFile(config, now), ExamineBundle(config, host, now)};
  for (Finding& finding : ExamineSpools(config, host, now)) findings.push_back(std::move(finding));
  for (Finding& finding : ExamineNode(config, host)) findings.push_back(std::move(finding));
  for (Finding& finding : ExamineReports(config, host)) findings.push_back(std::move(finding));
  for (Finding& finding : ExamineServices(config, deadline)) findings.push_back(std::move(finding));
  for (const std::string& address : config.servers) findings.push_back(ExamineServer(config, address, deadline));
  return findings;
}

std::string RenderFindings(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const absl::string_view level = finding.level == Level::kOk     ? "ok: "
                                    : finding.level == Level::kNote ? "note: "
                                                                    : "fault: ";
    absl::StrAppend(&text, level, finding.what, finding.next.empty() ? "" : "; ", finding.next, "\n");
  }
  return text;
}

}  // namespace signet::slurm
