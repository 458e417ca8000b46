#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/gates.h"
#include "services/authority/observations.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"

namespace signet::authority {
namespace {

// Who signed a certificate that somebody serves.
enum class SignedBy { kThisAuthority = 1, kAnother = 2, kNobodyHere = 3 };

absl::StatusOr<SignedBy> WhoSigned(const store::Tables& tables, const std::string& serial, absl::string_view id) {
  const auto row = tables.certificates().Find(serial);
  if (absl::IsNotFound(row.status())) return SignedBy::kNobodyHere;
  if (!row.ok()) return row.status();
  return absl::string_view(row->authority_id) == id ? SignedBy::kThisAuthority : SignedBy::kAnother;
}

// The certificate that each host of a service serves, as its report or a later probe has it; empty: not known.
std::map<std::string, std::string> ServedSerials(const std::string& service,
                                                 const std::map<HostProgram, store::ReportRow>& reports,
                                                 const std::map<HostProgram, store::ProbeRow>& probes) {
  std::map<std::string, std::string> served;
  for (const auto& [key, report] : reports) {
    if (key.second == service) served[key.first] = report.served_serial;
  }
  for (const auto& [key, probe] : probes) {
    if (key.second != service || probe.served_serial.empty()) continue;
    const auto report = reports.find(key);
    const bool newer = report == reports.end() || report->second.served_serial.empty() ||
                       report->second.reported_at <= probe.probed_at;
    if (newer) served[key.first] = probe.served_serial;
  }
  return served;
}

// Since when it signs no more.
absl::Time Since(const store::AuthorityRow& row) {
  if (row.retired_at == absl::InfinitePast() && row.revoked_at != absl::InfinitePast()) return row.revoked_at;
  return std::max(row.retired_at, row.created_at);
}

struct Question {
  const store::Tables& tables;
  const store::AuthorityRow& authority;
  absl::Time now;
  std::map<HostProgram, store::ReportRow> reports;
  std::map<HostProgram, store::ProbeRow> probes;
  std::set<std::string> acked;
};

// Why `service` may still serve a certificate that only the authority's root vouches for; empty when it does not.
absl::StatusOr<std::string> ServiceFault(const Question& question, const std::string& service) {
  SIGNET_ASSIGN_OR_RETURN(const auto live, LiveOfService(question.tables, service, question.now));
  if (!live.empty() && live.front().authority_id == question.authority.id) {
    return absl::StrCat("the newest certificate of ", service, " is one of them");
  }
  if (question.acked.count(service) != 0) return std::string();
  const bool may_have_one =
      question.authority.custody == kForeignCustody ||
      std::any_of(live.begin(), live.end(), [&](const auto& row) { return row.authority_id == question.authority.id; });
  const auto served = ServedSerials(service, question.reports, question.probes);
  if (served.empty() && !live.empty() && may_have_one) {
    return absl::StrCat("nobody knows whether ", service, " serves its newest certificate");
  }
  std::vector<std::string> hosts;
  for (const auto& [host, serial] : served) {
    if (question.acked.count(host) != 0) continue;
    SignedBy by = SignedBy::kAnother;
    if (!serial.empty()) {
      SIGNET_ASSIGN_OR_RETURN(by, WhoSigned(question.tables, serial, question.authority.id));
    }
    // One that was never recorded here was signed elsewhere, perhaps by the key of an imported authority.
    if (by != SignedBy::kAnother || (serial.empty() && may_have_one)) hosts.push_back(host);
  }
  if (hosts.empty()) return std::string();
  return absl::StrCat(service, " on ", absl::StrJoin(hosts, ","), " is not known to serve a newer one");
}

absl::Status AddServices(const Question& question, std::vector<Blocker>& blockers) {
  std::vector<std::string> services;
  std::vector<std::string> faults;
  for (const absl::string_view name : kServices) {
    const std::string service(name);
    SIGNET_ASSIGN_OR_RETURN(std::string fault, ServiceFault(question, service));
    if (fault.empty()) continue;
    services.push_back(service);
    faults.push_back(std::move(fault));
  }
  if (services.empty()) return absl::OkStatus();
  Blocker blocker = BlockerOf(BlockerKind::kServiceCertificate, absl::StrJoin(services, ","), services.size(),
                              Since(question.authority));
  blocker.cause = absl::StrCat("certificates under ", NameOf(question.authority), ": ", absl::StrJoin(faults, "; "));
  blocker.next = absl::StrCat("signetctl service renew ", services.front(), " --now, on its host, then ",
                              ProbeCommand(question.authority), ", or ", AckCommand(blocker.names, question.authority));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

// The newest certificate of a node's daemon is of this authority, or a probe since its last request saw an older one.
absl::StatusOr<bool> NeedsAuthority(const Question& question, const store::NodeRow& node) {
  const auto newest = question.tables.certificates().Find(node.serial);
  if (!newest.ok() && !absl::IsNotFound(newest.status())) return newest.status();
  if (newest.ok() && newest->authority_id == question.authority.id &&
      newest->state != store::CertificateState::kRevoked) {
    return true;
  }
  const auto probe = question.probes.find({node.name, node.daemon});
  if (probe == question.probes.end() || probe->second.probed_at <= node.last_request_at) return false;
  if (probe->second.served_serial.empty() || question.acked.count(node.name) != 0) return false;
  SIGNET_ASSIGN_OR_RETURN(const SignedBy by,
                          WhoSigned(question.tables, probe->second.served_serial, question.authority.id));
  return by == SignedBy::kThisAuthority;
}

}  // namespace

absl::StatusOr<std::vector<Blocker>> StillServed(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 absl::Time now) {
  Question question{tables, authority, now, {}, {}, {}};
  SIGNET_ASSIGN_OR_RETURN(question.reports, RecentReports(tables, now));
  SIGNET_ASSIGN_OR_RETURN(question.probes, NewestProbes(tables));
  // Before it retired, an acknowledgement said that a host had loaded its root, and nothing of what is served.
  SIGNET_ASSIGN_OR_RETURN(question.acked, AckedSince(tables, authority.id, Since(authority)));
  std::vector<Blocker> blockers;
  SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> nodes,
                          NodesThat(tables, now, [&](const store::NodeRow& node) -> absl::StatusOr<bool> {
                            return NeedsAuthority(question, node);
                          }));
  if (!nodes.empty()) {
    Blocker blocker = BlockerOf(BlockerKind::kNodeCertificate,
                                names::CompressHostlist(std::vector<std::string>(nodes.begin(), nodes.end())),
                                nodes.size(), Since(authority));
    blocker.cause = absl::StrCat(Counted(blocker.count, "node"), nodes.size() == 1 ? " has" : " have",
                                 " no newer certificate than one under ", NameOf(authority));
    blocker.next = "wait for the next renewal of each; signetctl node explain NODE tells why one does not renew";
    blockers.push_back(std::move(blocker));
  }
  SIGNET_RETURN_IF_ERROR(AddServices(question, blockers));
  return blockers;
}

}  // namespace signet::authority
