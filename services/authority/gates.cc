#include "services/authority/gates.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/gate_words.h"
#include "services/authority/known_bundles.h"
#include "services/authority/observations.h"
#include "services/authority/trust_bundle.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"

namespace signet::authority {
namespace {

// Everything that was seen and said of one anchor.
struct Evidence {
  KnownBundles bundles;
  std::map<HostProgram, store::ReportRow> reports;
  std::map<HostProgram, store::ProbeRow> probes;
  Acks acks;
  absl::Time now;
};

absl::StatusOr<Evidence> ReadEvidence(const store::Tables& tables, const store::AuthorityRow& authority,
                                      absl::Time since, absl::Time acked_since, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(authority));
  Evidence evidence;
  evidence.now = now;
  SIGNET_ASSIGN_OR_RETURN(evidence.bundles, KnownBundles::Read(tables, anchor.pem()));
  SIGNET_ASSIGN_OR_RETURN(evidence.reports, NewestReports(tables));
  SIGNET_ASSIGN_OR_RETURN(evidence.probes, ProbesSince(tables, authority.id, since, now));
  SIGNET_ASSIGN_OR_RETURN(evidence.acks, Acks::Read(tables, authority.id, std::max(since, acked_since), now));
  return evidence;
}

// Null when there is none.
const store::ProbeRow* ProbeOf(const Evidence& evidence, const HostProgram& key) {
  const auto found = evidence.probes.find(key);
  return found == evidence.probes.end() ? nullptr : &found->second;
}

// When a statement or report of `said_at`, or a probe, last said that the anchor is not there.
absl::Time Denied(const Evidence& evidence, const std::string& disk_sha256, const std::string& loaded_sha256,
                  absl::Time said_at, const store::ProbeRow* probe) {
  const auto denies = [&](const std::string& sha256) {
    return !sha256.empty() && evidence.bundles.Judge(sha256) != Holds::kYes;
  };
  absl::Time denied = denies(disk_sha256) || denies(loaded_sha256) ? said_at : absl::InfinitePast();
  if (probe != nullptr && !probe->trusted) denied = std::max(denied, probe->probed_at);
  return denied;
}

// The newest word counts: a probe is what the daemon did, and stands until the daemon says something later.
bool HasLoaded(const Evidence& evidence, const store::NodeRow& node) {
  const store::ProbeRow* probe = ProbeOf(evidence, {node.name, node.daemon});
  const absl::Time denied = Denied(evidence, node.disk_sha256, node.loaded_sha256, node.last_request_at, probe);
  if (evidence.acks.After(node.name, denied)) return true;
  if (probe != nullptr && probe->probed_at >= node.last_request_at) return probe->trusted;
  // At a renewal the daemon loads the file on the disk: one that was set back, or that nobody here knows, is loaded by
  // now, whatever an earlier probe found.
  const Holds on_disk = node.disk_sha256.empty() ? Holds::kYes : evidence.bundles.Judge(node.disk_sha256);
  if (on_disk != Holds::kYes) return false;
  return (probe != nullptr && probe->trusted) || evidence.bundles.Judge(node.loaded_sha256) == Holds::kYes;
}

// When `report` or a probe that found the anchor was heard last.
absl::Time LastHeard(const Evidence& evidence, const store::ReportRow& report) {
  const store::ProbeRow* probe = ProbeOf(evidence, {report.host, report.program});
  return probe != nullptr && probe->trusted ? std::max(report.reported_at, probe->probed_at) : report.reported_at;
}

bool IsSilent(const Evidence& evidence, const store::ReportRow& report) {
  return LastHeard(evidence, report) < evidence.now - kReportMemory;
}

bool HasLoaded(const Evidence& evidence, const store::ReportRow& report) {
  const store::ProbeRow* probe = ProbeOf(evidence, {report.host, report.program});
  absl::Time denied = Denied(evidence, report.disk_sha256, report.loaded_sha256, report.reported_at, probe);
  const bool silent = IsSilent(evidence, report);
  if (silent) denied = std::max(denied, LastHeard(evidence, report));
  if (evidence.acks.After(report.host, denied)) return true;
  if (silent) return false;
  if (probe != nullptr && probe->probed_at >= report.reported_at) return probe->trusted;
  if (!report.loaded_sha256.empty()) return evidence.bundles.Judge(report.loaded_sha256) == Holds::kYes;
  // It does not know what it loaded: the probe does, as long as the next reload would take nothing back.
  const bool kept = report.disk_sha256.empty() || evidence.bundles.Judge(report.disk_sha256) == Holds::kYes;
  return kept && probe != nullptr && probe->trusted;
}

// "; db1 was last heard of 31d ago"; empty when none of `reports` is silent.
std::string SilenceOf(const Evidence& evidence, const std::vector<const store::ReportRow*>& reports) {
  std::string text;
  for (const store::ReportRow* report : reports) {
    if (!IsSilent(evidence, *report)) continue;
    absl::StrAppend(&text, "; ", report->host, " was last heard of ",
                    DurationText(evidence.now - LastHeard(evidence, *report)), " ago");
  }
  return text;
}

// Why a service is not known to have loaded the anchor; empty when it is.
std::string ServiceFault(const Evidence& evidence, const std::string& service, bool certified) {
  std::set<std::string> hosts;  // that are not known to have loaded it
  std::vector<const store::ReportRow*> faulty;
  absl::Time denied = absl::InfinitePast();
  bool seen = false;
  for (const auto& [key, report] : evidence.reports) {
    if (key.second != service) continue;
    seen = true;
    if (HasLoaded(evidence, report)) continue;
    hosts.insert(key.first);
    faulty.push_back(&report);
    denied = std::max(
        denied, Denied(evidence, report.disk_sha256, report.loaded_sha256, report.reported_at, ProbeOf(evidence, key)));
    if (IsSilent(evidence, report)) denied = std::max(denied, LastHeard(evidence, report));
  }
  for (const auto& [key, probe] : evidence.probes) {
    if (key.second != service || evidence.reports.count(key) != 0) continue;
    seen = true;
    if (probe.trusted || evidence.acks.After(key.first, probe.probed_at)) continue;
    hosts.insert(key.first);
    denied = std::max(denied, probe.probed_at);
  }
  if ((!seen && !certified) || evidence.acks.After(service, denied)) return "";
  if (!seen) return absl::StrCat(service, " has never said what it loaded, and no probe reached it");
  if (hosts.empty()) return "";
  return absl::StrCat(service, " on ", absl::StrJoin(hosts, ","), " is not known to have loaded it",
                      SilenceOf(evidence, faulty));
}

absl::Status AddServices(const store::Tables& tables, const store::AuthorityRow& authority, const Evidence& evidence,
                         absl::Time since, absl::Time now, std::vector<Blocker>& blockers) {
  std::vector<std::string> services;
  std::vector<std::string> faults;
  for (const absl::string_view name : kServices) {
    const std::string service(name);
    SIGNET_ASSIGN_OR_RETURN(const auto live, LiveOfService(tables, service, now));
    std::string fault = ServiceFault(evidence, service, !live.empty());
    if (fault.empty()) continue;
    services.push_back(service);
    faults.push_back(std::move(fault));
  }
  if (services.empty()) return absl::OkStatus();
  Blocker blocker = BlockerOf(BlockerKind::kServiceNotLoaded, absl::StrJoin(services, ","), services.size(), since);
  blocker.cause = absl::StrCat("the root of ", NameOf(authority), ": ", absl::StrJoin(faults, "; "));
  // slurmctld reads the file again when it is told to; the others at their start only. Then it reports.
  const std::string& first = services.front();
  blocker.next = absl::StrCat(first == "slurmctld" ? "scontrol reconfigure" : "systemctl restart " + first,
                              " && signetctl service renew ", first, "   # on its host, or ",
                              ProbeCommandOr(absl::StrCat("HOST --program ", first), authority),
                              AckCommand(blocker.names, authority));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

absl::Status AddHosts(const store::Tables& tables, const store::AuthorityRow& authority, const Evidence& evidence,
                      absl::Time since, std::vector<Blocker>& blockers) {
  std::vector<std::string> hosts;
  std::vector<const store::ReportRow*> faulty;
  for (const auto& [key, report] : evidence.reports) {
    if (key.second != kHostProgram || HasLoaded(evidence, report)) continue;
    SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, key.first));
    if (blocked) continue;
    hosts.push_back(key.first);
    faulty.push_back(&report);
  }
  if (hosts.empty()) return absl::OkStatus();
  Blocker blocker = BlockerOf(BlockerKind::kHostNotLoaded, names::CompressHostlist(hosts), hosts.size(), since);
  blocker.cause = absl::StrCat(Counted(blocker.count, "host"), " without a daemon ", hosts.size() == 1 ? "does" : "do",
                               " not report the root of ", NameOf(authority), SilenceOf(evidence, faulty));
  blocker.next = absl::StrCat("signet-slurm refresh && signet-slurm report   # on each, or ",
                              AckCommand(blocker.names, authority));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Blocker>> NotLoaded(const store::Tables& tables, const store::AuthorityRow& authority,
                                               absl::Time since, absl::Time now, absl::Time acked_since) {
  SIGNET_ASSIGN_OR_RETURN(const Evidence evidence, ReadEvidence(tables, authority, since, acked_since, now));
  std::vector<Blocker> blockers;
  SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> nodes,
                          NodesThat(tables, now, [&](const store::NodeRow& node) -> absl::StatusOr<bool> {
                            return !HasLoaded(evidence, node);
                          }));
  if (!nodes.empty()) {
    Blocker blocker =
        BlockerOf(BlockerKind::kNodeNotLoaded,
                  names::CompressHostlist(std::vector<std::string>(nodes.begin(), nodes.end())), nodes.size(), since);
    blocker.cause = absl::StrCat(Counted(blocker.count, "node"), nodes.size() == 1 ? " is" : " are",
                                 " not known to have loaded the root of ", NameOf(authority));
    blocker.next = absl::StrCat(ProbeCommandOr("", authority), AckCommand(blocker.names, authority));
    blockers.push_back(std::move(blocker));
  }
  SIGNET_RETURN_IF_ERROR(AddServices(tables, authority, evidence, since, now, blockers));
  SIGNET_RETURN_IF_ERROR(AddHosts(tables, authority, evidence, since, blockers));
  return blockers;
}

std::vector<Blocker> Hold(const store::AuthorityRow& authority, absl::Duration hold, absl::Time now) {
  // One that was imported never signed here: steps that began before know it only.
  const absl::Time began = SignsNoMoreSince(authority);
  if (began + hold <= now) return {};
  Blocker blocker = BlockerOf(BlockerKind::kHold, "", 0, began);
  blocker.until = began + hold;
  blocker.cause = absl::StrCat("job steps that began before ", TimeText(began), " may run until ",
                               TimeText(blocker.until), " and load anchors once, at their start");
  blocker.next = absl::StrCat("wait ", DurationText(blocker.until - now));
  return {blocker};
}

absl::StatusOr<std::vector<Blocker>> RevokeGates(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 const store::AuthorityRow* active, absl::Duration hold,
                                                 absl::Time now) {
  std::vector<Blocker> blockers = Hold(authority, hold, now);
  const auto add = [&blockers](std::vector<Blocker> more) {
    std::move(more.begin(), more.end(), std::back_inserter(blockers));
  };
  SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> served, StillServed(tables, authority, now));
  add(std::move(served));
  SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> unseen, MayBeServed(tables, authority, now));
  add(std::move(unseen));
  if (active == nullptr) return blockers;
  // While the cross certificate carried, a word that opened the way to activation cost nobody anything.
  SIGNET_ASSIGN_OR_RETURN(
      std::vector<Blocker> loaded,
      NotLoaded(tables, *active, active->created_at, now, std::max(SignsNoMoreSince(authority), active->activated_at)));
  add(std::move(loaded));
  SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> strangers, NeededByStrangers(tables, authority, *active, now));
  add(std::move(strangers));
  return blockers;
}

absl::StatusOr<int64_t> CountCertified(const store::Tables& tables, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> nodes,
                          NodesThat(tables, now, [](const store::NodeRow&) -> absl::StatusOr<bool> { return true; }));
  return static_cast<int64_t>(nodes.size());
}

}  // namespace signet::authority
