#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/gates.h"
#include "services/authority/observations.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "services/x509/certificate.h"

namespace signet::authority {
namespace {

constexpr int kPage = 1000;

// Who signed a certificate that somebody serves.
enum class SignedBy { kThisAuthority = 1, kAnother = 2, kNobodyHere = 3 };

absl::StatusOr<SignedBy> WhoSigned(const store::Tables& tables, const std::string& serial, absl::string_view id) {
  const auto row = tables.certificates().Find(serial);
  if (absl::IsNotFound(row.status())) return SignedBy::kNobodyHere;
  if (!row.ok()) return row.status();
  return absl::string_view(row->authority_id) == id ? SignedBy::kThisAuthority : SignedBy::kAnother;
}

// What a host of a service serves, as its report or a later probe has it.
struct Served {
  std::string serial;  // empty: not known
  absl::Time seen_at;
};

std::map<std::string, Served> ServedSerials(const std::string& service,
                                            const std::map<HostProgram, store::ReportRow>& reports,
                                            const std::map<HostProgram, store::ProbeRow>& probes) {
  std::map<std::string, Served> served;
  for (const auto& [key, report] : reports) {
    if (key.second == service) served[key.first] = {report.served_serial, report.reported_at};
  }
  for (const auto& [key, probe] : probes) {
    if (key.second != service || probe.served_serial.empty()) continue;
    const auto report = reports.find(key);
    const bool newer = report == reports.end() || report->second.served_serial.empty() ||
                       report->second.reported_at <= probe.probed_at;
    if (newer) served[key.first] = {probe.served_serial, probe.probed_at};
  }
  return served;
}

struct Question {
  const store::Tables& tables;
  const store::AuthorityRow& authority;
  absl::Time now;
  std::map<HostProgram, store::ReportRow> reports;
  std::map<HostProgram, store::ProbeRow> probes;
  Acks acks;

  bool is_imported() const { return IsImported(authority); }
};

// The newest certificate first.
bool HasNothingNewer(const Question& question, const std::vector<store::CertificateRow>& live) {
  return !live.empty() && live.front().authority_id == question.authority.id;
}

// Why `service` may still serve a certificate that only the authority's root vouches for; empty when it does not.
absl::StatusOr<std::string> ServiceFault(const Question& question, const std::string& service) {
  SIGNET_ASSIGN_OR_RETURN(const auto live, LiveOfService(question.tables, service, question.now));
  if (HasNothingNewer(question, live)) {
    return absl::StrCat("the newest certificate of ", service, " is one of them");
  }
  std::set<std::string> keys;  // of its certificates under the authority: a host each, as far as anybody knows
  for (const store::CertificateRow& row : live) {
    if (row.authority_id == question.authority.id) keys.insert(row.spki_sha256);
  }
  const bool may_have_one = question.is_imported() || !keys.empty();
  const auto served = ServedSerials(service, question.reports, question.probes);
  std::vector<std::string> hosts;
  absl::Time seen_at = absl::InfinitePast();      // of the last one that is not known to serve a newer one
  absl::Time first_newer = absl::InfinitePast();  // recorded
  // A host may have been probed under several names: what tells hosts apart is what they serve.
  std::set<std::string> newer;  // serials
  std::size_t acknowledged = 0;
  // While there was nothing newer to serve, a word could not mean that it is served.
  for (const store::CertificateRow& row : live) {
    if (row.authority_id == question.authority.id) break;
    first_newer = row.recorded_at;
  }
  for (const auto& [host, what] : served) {
    SignedBy by = SignedBy::kAnother;
    if (!what.serial.empty()) {
      SIGNET_ASSIGN_OR_RETURN(by, WhoSigned(question.tables, what.serial, question.authority.id));
    }
    // One that was never recorded here was signed elsewhere, perhaps by the key of an imported authority.
    const bool denied = by != SignedBy::kAnother;
    const absl::Time word = denied ? what.seen_at : absl::InfinitePast();
    if (!denied && !what.serial.empty()) {
      newer.insert(what.serial);
    } else if (question.acks.After(host, std::max(word, first_newer))) {
      ++acknowledged;
    } else if (denied || may_have_one) {
      hosts.push_back(host);
      seen_at = std::max(seen_at, word);
    }
  }
  if (question.acks.After(service, std::max(seen_at, first_newer))) return std::string();
  if (served.empty() && !live.empty() && may_have_one) {
    return absl::StrCat("nobody knows whether ", service, " serves its newest certificate");
  }
  if (!hosts.empty()) {
    return absl::StrCat(service, " on ", absl::StrJoin(hosts, ","), " is not known to serve a newer one");
  }
  const std::size_t moved = newer.size() + acknowledged;
  if (keys.size() <= moved) return std::string();
  return absl::StrCat(Counted(static_cast<int64_t>(keys.size()), "unexpired certificate"), " of ", service,
                      ", and newer ones were seen on ", Counted(static_cast<int64_t>(moved), "host"), " only");
}

// What to type for `service`, one of `names`.
absl::StatusOr<std::string> ServiceNext(const Question& question, const std::string& service, absl::string_view names) {
  SIGNET_ASSIGN_OR_RETURN(const auto live, LiveOfService(question.tables, service, question.now));
  const std::string renew = absl::StrCat("signetctl service renew ", service, " --now, on its host");
  if (HasNothingNewer(question, live)) {
    return absl::StrCat(renew, "; where it runs no more: signetctl cert revoke --node ", service,
                        " --reason cessation --comment WHY");
  }
  // Under whatever authority it is asked: what counts is what it serves.
  return absl::StrCat(renew, ", or signetctl rotation probe HOST --program ", service, ", or ",
                      AckCommand(names, question.authority));
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
                              SignsNoMoreSince(question.authority));
  blocker.cause = absl::StrCat("certificates under ", NameOf(question.authority), ": ", absl::StrJoin(faults, "; "));
  SIGNET_ASSIGN_OR_RETURN(blocker.next, ServiceNext(question, services.front(), blocker.names));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

// The newest certificate of a node's daemon is of this authority, or a probe since its last request saw an older one.
absl::StatusOr<bool> NeedsAuthority(const Question& question, const store::NodeRow& node) {
  const auto newest = question.tables.certificates().Find(node.serial);
  if (!newest.ok() && !absl::IsNotFound(newest.status())) return newest.status();
  if (!newest.ok() && question.is_imported()) return true;
  if (newest.ok() && newest->authority_id == question.authority.id &&
      newest->state != store::CertificateState::kRevoked) {
    return true;
  }
  const auto probe = question.probes.find({node.name, node.daemon});
  if (probe == question.probes.end() || probe->second.probed_at <= node.last_request_at) return false;
  if (probe->second.served_serial.empty() || question.acks.After(node.name, probe->second.probed_at)) return false;
  SIGNET_ASSIGN_OR_RETURN(const SignedBy by,
                          WhoSigned(question.tables, probe->second.served_serial, question.authority.id));
  return by == SignedBy::kThisAuthority || (by == SignedBy::kNobodyHere && question.is_imported());
}

// Whether a daemon may have an older certificate than its newest, and is not named by StillServed.
absl::StatusOr<bool> HasNewer(const Question& question, const HostProgram& key) {
  SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(question.tables, key.first));
  if (blocked) return false;
  const auto node = question.tables.nodes().Find(key.first, key.second);
  if (absl::IsNotFound(node.status())) return true;  // forgotten, and perhaps still there
  if (!node.ok()) return node.status();
  if (node->serial.empty() || node->not_after < question.now) return true;
  SIGNET_ASSIGN_OR_RETURN(const bool named, NeedsAuthority(question, *node));
  return !named;
}

// Nobody but the node knows whether it ever got a newer certificate than `old`.
absl::StatusOr<bool> WasReplaced(const Question& question, const store::CertificateRow& old) {
  if (question.acks.After(old.subject, old.recorded_at)) return true;
  const auto probe = question.probes.find({old.subject, old.daemon});
  if (probe == question.probes.end() || probe->second.probed_at <= old.recorded_at) return false;
  if (probe->second.served_serial.empty()) return false;
  SIGNET_ASSIGN_OR_RETURN(const SignedBy by,
                          WhoSigned(question.tables, probe->second.served_serial, question.authority.id));
  return by == SignedBy::kAnother;
}

absl::Status AddReplacedNodes(const Question& question, std::vector<Blocker>& blockers) {
  std::set<std::string> nodes;
  std::map<HostProgram, bool> judged;
  absl::Time until = absl::InfinitePast();
  std::string last;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::CertificateRow> rows,
                            question.tables.certificates().ListLive(question.authority.id, question.now, last, kPage));
    for (const store::CertificateRow& row : rows) {
      if (row.profile != store::Profile::kNode) continue;
      const auto [counts, is_new] = judged.try_emplace({row.subject, row.daemon}, false);
      if (is_new) {
        SIGNET_ASSIGN_OR_RETURN(counts->second, HasNewer(question, counts->first));
      }
      if (!counts->second) continue;
      SIGNET_ASSIGN_OR_RETURN(const bool replaced, WasReplaced(question, row));
      if (replaced) continue;
      nodes.insert(row.subject);
      until = std::max(until, row.not_after);
    }
    if (rows.size() < kPage) break;
    last = rows.back().serial;
  }
  if (nodes.empty()) return absl::OkStatus();
  Blocker blocker = BlockerOf(BlockerKind::kNodeCertificate,
                              names::CompressHostlist(std::vector<std::string>(nodes.begin(), nodes.end())),
                              nodes.size(), SignsNoMoreSince(question.authority));
  blocker.until = until;
  blocker.cause = absl::StrCat(Counted(blocker.count, "node"), nodes.size() == 1 ? " has" : " have",
                               " an unexpired certificate under ", NameOf(question.authority), ", until ",
                               TimeText(until), ", and nobody saw a newer one in its place");
  blocker.next = absl::StrCat("wait ", DurationText(until - question.now), ", or signetctl rotation probe, or ",
                              AckCommand(blocker.names, question.authority));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

absl::Status AddUnlisted(const Question& question, std::vector<Blocker>& blockers) {
  if (!question.is_imported() || question.acks.Any(kUnlisted)) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                          x509::Certificate::FromDer(question.authority.certificate_der));
  if (certificate.not_after() < question.now) return absl::OkStatus();
  Blocker blocker = BlockerOf(BlockerKind::kNodeCertificate, "", 0, SignsNoMoreSince(question.authority));
  blocker.until = certificate.not_after();
  blocker.cause = absl::StrCat("this server does not know what ", NameOf(question.authority),
                               " signed: nodes and services that have not moved here need it, and are listed nowhere");
  // With its key here it vouches for what signs now: who trusts it alone lives by that.
  const bool vouches = question.authority.custody != kForeignCustody;
  blocker.next = absl::StrCat("once nobody serves a certificate of it", vouches ? " or trusts it alone" : "", ": ",
                              AckCommand(kUnlisted, question.authority));
  blockers.push_back(std::move(blocker));
  return absl::OkStatus();
}

absl::StatusOr<Question> Ask(const store::Tables& tables, const store::AuthorityRow& authority, absl::Time now) {
  Question question{tables, authority, now, {}, {}, {}};
  SIGNET_ASSIGN_OR_RETURN(question.reports, NewestReports(tables));
  SIGNET_ASSIGN_OR_RETURN(question.probes, NewestProbes(tables, now));
  // Before it retired, an acknowledgement said that a host had loaded its root, and nothing of what is served.
  SIGNET_ASSIGN_OR_RETURN(question.acks, Acks::Read(tables, authority.id, SignsNoMoreSince(authority), now));
  return question;
}

}  // namespace

absl::StatusOr<std::vector<Blocker>> StillServed(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const Question question, Ask(tables, authority, now));
  std::vector<Blocker> blockers;
  SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> nodes,
                          NodesThat(tables, now, [&](const store::NodeRow& node) -> absl::StatusOr<bool> {
                            return NeedsAuthority(question, node);
                          }));
  if (!nodes.empty()) {
    Blocker blocker = BlockerOf(BlockerKind::kNodeCertificate,
                                names::CompressHostlist(std::vector<std::string>(nodes.begin(), nodes.end())),
                                nodes.size(), SignsNoMoreSince(authority));
    blocker.cause = absl::StrCat(Counted(blocker.count, "node"), nodes.size() == 1 ? " has" : " have",
                                 " no newer certificate than one under ", NameOf(authority));
    blocker.next = "wait for the next renewal of each; signetctl node explain NODE tells why one does not renew";
    blockers.push_back(std::move(blocker));
  }
  SIGNET_RETURN_IF_ERROR(AddServices(question, blockers));
  return blockers;
}

absl::StatusOr<std::vector<Blocker>> MayBeServed(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const Question question, Ask(tables, authority, now));
  std::vector<Blocker> blockers;
  SIGNET_RETURN_IF_ERROR(AddReplacedNodes(question, blockers));
  SIGNET_RETURN_IF_ERROR(AddUnlisted(question, blockers));
  return blockers;
}

absl::StatusOr<std::vector<Blocker>> NeededByStrangers(const store::Tables& tables,
                                                       const store::AuthorityRow& authority,
                                                       const store::AuthorityRow& active, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const Ground ground, Survey(tables));
  std::vector<Authority> all;
  for (const store::AuthorityRow& row : ground.rows) {
    SIGNET_ASSIGN_OR_RETURN(Authority one, Unopened(row));
    all.push_back(std::move(one));
  }
  std::vector<Blocker> blockers;
  std::set<std::string> passed = {active.id};
  SIGNET_ASSIGN_OR_RETURN(const Authority below, Unopened(active));
  const Authority* one = FindVoucherOf(below.anchor, all, ground.crosses, now);
  for (; one != nullptr && passed.insert(one->id).second; one = FindVoucherOf(one->anchor, all, ground.crosses, now)) {
    const store::AuthorityRow& row = *ground.Find(one->id);
    if (!IsImported(row) || row.id == authority.id || passed.count(authority.id) == 0) continue;
    SIGNET_ASSIGN_OR_RETURN(const Acks acks, Acks::Read(tables, row.id, SignsNoMoreSince(row), now));
    if (acks.Any(kUnlisted)) continue;
    Blocker blocker = BlockerOf(BlockerKind::kNodeCertificate, "", 0, SignsNoMoreSince(row));
    blocker.cause = absl::StrCat(NameOf(row), " vouches for what signs now by way of ", NameOf(authority),
                                 ": who trusts nothing but ", NameOf(row),
                                 " is listed nowhere, and would refuse every new certificate");
    blocker.next = absl::StrCat(VerbCommand(Verb::kRevoke, row),
                                " first, or, once nobody trusts it alone: ", AckCommand(kUnlisted, row));
    blockers.push_back(std::move(blocker));
  }
  return blockers;
}

}  // namespace signet::authority
