#include "services/authority/after_theft.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/known_bundles.h"
#include "services/authority/observations.h"
#include "services/authority/trust_bundle.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"

namespace signet::authority {
namespace {

constexpr int kPage = 1000;
constexpr char kRefreshHost[] = "signet-slurm refresh && signet-slurm report   # on each";

// What left at one time, and what was seen and said of it since.
struct Theft {
  absl::Time at;
  std::vector<const store::AuthorityRow*> rows;
  std::vector<KnownBundles> bundles;             // one for each root
  std::map<HostProgram, absl::Time> trusted_at;  // when a probe last found an authority that was made since
  std::vector<Acks> acks;
};

// The last that a daemon, a service or a host said of its files.
struct Word {
  std::string host;
  std::string program;
  std::string disk_sha256;
  std::string loaded_sha256;
  absl::Time said_at;
};

absl::StatusOr<Theft> ReadTheft(const store::Tables& tables, const Ground& ground,
                                std::vector<const store::AuthorityRow*> rows, absl::Time now) {
  Theft theft;
  theft.at = rows.front()->stolen_at;
  theft.rows = std::move(rows);
  std::set<std::string> anchors;
  for (const store::AuthorityRow* row : theft.rows) {
    SIGNET_ASSIGN_OR_RETURN(Acks acks, Acks::Read(tables, row->id, theft.at, now));
    theft.acks.push_back(std::move(acks));
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(*row));
    if (!anchors.insert(anchor.pem()).second) continue;
    SIGNET_ASSIGN_OR_RETURN(KnownBundles bundles, KnownBundles::Read(tables, anchor.pem()));
    theft.bundles.push_back(std::move(bundles));
  }
  for (const store::AuthorityRow& row : ground.rows) {
    if (row.purpose != store::Purpose::kSlurm || row.created_at < theft.at || IsImported(row)) continue;
    SIGNET_ASSIGN_OR_RETURN(Acks acks, Acks::Read(tables, row.id, theft.at, now));
    theft.acks.push_back(std::move(acks));
    SIGNET_ASSIGN_OR_RETURN(const auto probes, ProbesSince(tables, row.id, theft.at, now));
    for (const auto& [key, probe] : probes) {
      absl::Time& last = theft.trusted_at.try_emplace(key, absl::InfinitePast()).first->second;
      if (probe.trusted) last = std::max(last, probe.probed_at);
    }
  }
  return theft;
}

// Oldest first. Not those whose root has ended: nobody accepts what it signed.
absl::StatusOr<std::vector<Theft>> ReadThefts(const store::Tables& tables, const Ground& ground, absl::Time now) {
  std::map<absl::Time, std::vector<const store::AuthorityRow*>> by_time;
  for (const store::AuthorityRow& row : ground.rows) {
    if (row.purpose != store::Purpose::kSlurm || row.stolen_at == absl::InfinitePast()) continue;
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(row));
    if (anchor.not_after() >= now) by_time[row.stolen_at].push_back(&row);
  }
  std::vector<Theft> thefts;
  for (auto& [at, rows] : by_time) {
    SIGNET_ASSIGN_OR_RETURN(Theft theft, ReadTheft(tables, ground, std::move(rows), now));
    thefts.push_back(std::move(theft));
  }
  return thefts;
}

absl::StatusOr<std::vector<Word>> ReadWords(const store::Tables& tables) {
  std::vector<Word> words;
  store::NodeRow last;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::NodeRow> rows, tables.nodes().List(last.name, last.daemon, kPage));
    for (const store::NodeRow& row : rows) {
      SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, row.name));
      if (!blocked) words.push_back({row.name, row.daemon, row.disk_sha256, row.loaded_sha256, row.last_request_at});
    }
    if (rows.size() < kPage) break;
    last = rows.back();
  }
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ReportRow> reports, tables.sightings().ListReports());
  for (const store::ReportRow& row : reports) {
    if (row.program == kHostProgram) {
      SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, row.host));
      if (blocked) continue;
    }
    words.push_back({row.host, row.program, row.disk_sha256, row.loaded_sha256, row.reported_at});
  }
  return words;
}

bool IsAcked(const Theft& theft, const std::string& name, absl::Time denied) {
  return std::any_of(theft.acks.begin(), theft.acks.end(), [&](const Acks& acks) { return acks.After(name, denied); });
}

absl::Time TrustedAt(const Theft& theft, const HostProgram& key) {
  const auto found = theft.trusted_at.find(key);
  return found == theft.trusted_at.end() ? absl::InfinitePast() : found->second;
}

// The worst that is known of a file.
Holds Judge(const Theft& theft, const std::string& sha256) {
  Holds worst = Holds::kNo;
  for (const KnownBundles& bundles : theft.bundles) {
    const Holds holds = bundles.Judge(sha256);
    if (holds == Holds::kYes) return holds;
    if (holds == Holds::kUnknown) worst = holds;
  }
  return worst;
}

bool MayTrust(const Theft& theft, const Word& word, absl::Duration longest_leaf, absl::Time now) {
  const Holds disk = word.disk_sha256.empty() ? Holds::kNo : Judge(theft, word.disk_sha256);
  const Holds loaded = word.loaded_sha256.empty() ? Holds::kNo : Judge(theft, word.loaded_sha256);
  const bool denied = disk == Holds::kYes || loaded == Holds::kYes;
  const absl::Time denied_at = denied ? word.said_at : absl::InfinitePast();
  const bool service = std::count(std::begin(kServices), std::end(kServices), word.program) != 0;
  if (IsAcked(theft, word.host, denied_at) || (service && IsAcked(theft, word.program, denied_at))) return false;
  // A file of somebody else's may hold both roots, and then a probe proves nothing.
  if (disk == Holds::kUnknown || loaded == Holds::kUnknown) return true;
  const absl::Time trusted_at = TrustedAt(theft, {word.host, word.program});
  if (denied) return trusted_at < word.said_at;
  if (!word.loaded_sha256.empty() || trusted_at != absl::InfinitePast()) return false;
  return word.said_at < theft.at || now <= theft.at + longest_leaf;
}

struct Names {
  std::set<std::string> nodes;
  std::set<std::string> daemons;                          // of these
  std::map<std::string, std::set<std::string>> services;  // their hosts; none: it never said anything
  std::set<std::string> hosts;

  bool empty() const { return nodes.empty() && services.empty() && hosts.empty(); }
};

absl::Status AddTrusting(const store::Tables& tables, const Theft& theft, const std::vector<Word>& words,
                         absl::Duration longest_leaf, absl::Time now, Names& names) {
  std::set<std::string> heard;
  for (const Word& word : words) {
    heard.insert(word.program);
    if (!MayTrust(theft, word, longest_leaf, now)) continue;
    if (word.program == kHostProgram) {
      names.hosts.insert(word.host);
    } else if (std::count(std::begin(kServices), std::end(kServices), word.program) != 0) {
      names.services[word.program].insert(word.host);
    } else {
      names.nodes.insert(word.host);
      names.daemons.insert(word.program);
    }
  }
  if (now > theft.at + longest_leaf) return absl::OkStatus();
  for (const absl::string_view name : kServices) {
    const std::string service(name);
    if (heard.count(service) != 0 || IsAcked(theft, service, absl::InfinitePast())) continue;
    const bool probed = std::any_of(theft.trusted_at.begin(), theft.trusted_at.end(), [&](const auto& one) {
      return one.first.second == service && one.second != absl::InfinitePast();
    });
    if (probed) continue;
    SIGNET_ASSIGN_OR_RETURN(const auto live, LiveOfService(tables, service, now));
    if (!live.empty()) names.services[service];
  }
  return absl::OkStatus();
}

// A daemon that has the old root in memory meets nobody any more whom it could renew with.
std::string RestartNode(absl::string_view daemon) {
  return absl::StrCat("signet-slurm refresh && systemctl restart ", daemon, "   # on each");
}

// Not `scontrol reconfigure`, which trusts the new root alone, while slurmctld shows its old certificate.
std::string RestartService(absl::string_view service) {
  return absl::StrCat("systemctl stop ", service, " && signetctl service renew ", service, " --now && systemctl start ",
                      service, "   # on its host");
}

std::vector<Blocker> BlockersOf(const Names& names, const Aftermath& aftermath) {
  std::vector<Blocker> blockers;
  const std::string without = absl::StrCat(" not known to have loaded a bundle without ", NamesOf(aftermath.stolen));
  const auto hostlist = [](const std::set<std::string>& set) {
    return names::CompressHostlist(std::vector<std::string>(set.begin(), set.end()));
  };
  const auto add = [&](BlockerKind kind, const std::string& who, std::size_t count) -> Blocker& {
    return blockers.emplace_back(BlockerOf(kind, who, count, aftermath.since));
  };
  if (!names.nodes.empty()) {
    Blocker& blocker = add(BlockerKind::kNodeNotLoaded, hostlist(names.nodes), names.nodes.size());
    blocker.cause = absl::StrCat(Counted(blocker.count, "node"), blocker.count == 1 ? " is" : " are", without);
    blocker.next = RestartNode(*names.daemons.rbegin());
  }
  if (!names.services.empty()) {
    std::vector<std::string> who;
    std::vector<std::string> where;
    for (const absl::string_view name : kServices) {
      const auto found = names.services.find(std::string(name));
      if (found == names.services.end()) continue;
      who.push_back(found->first);
      where.push_back(found->second.empty() ? absl::StrCat(found->first, ", which has never said what it loaded,")
                                            : absl::StrCat(found->first, " on ", hostlist(found->second)));
    }
    Blocker& blocker = add(BlockerKind::kServiceNotLoaded, absl::StrJoin(who, ","), who.size());
    blocker.cause = absl::StrCat(absl::StrJoin(where, "; "), who.size() == 1 ? " is" : " are", without);
    blocker.next = RestartService(who.front());
  }
  if (!names.hosts.empty()) {
    Blocker& blocker = add(BlockerKind::kHostNotLoaded, hostlist(names.hosts), names.hosts.size());
    blocker.cause =
        absl::StrCat(Counted(blocker.count, "host"), " without a daemon ", blocker.count == 1 ? "is" : "are", without);
    blocker.next = kRefreshHost;
  }
  return blockers;
}

// Who serves what a thief's key signed, which nobody accepts any more.
absl::Status AddServed(const store::Tables& tables, const Theft& theft, absl::Time now,
                       std::vector<Blocker>& blockers) {
  for (const store::AuthorityRow* row : theft.rows) {
    SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> served, StillServed(tables, *row, now));
    for (Blocker& blocker : served) {
      const bool node = blocker.kind == BlockerKind::kNodeCertificate;
      blocker.next = node ? RestartNode("slurmd") : RestartService(blocker.names.substr(0, blocker.names.find(',')));
      blockers.push_back(std::move(blocker));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string NamesOf(const std::vector<const store::AuthorityRow*>& rows) {
  return absl::StrJoin(rows, ", ", [](std::string* out, const auto* row) { out->append(NameOf(*row)); });
}

absl::StatusOr<Aftermath> AfterTheft(const store::Tables& tables, const Ground& ground, absl::Duration longest_leaf,
                                     absl::Time now) {
  Aftermath aftermath;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<Theft> thefts, ReadThefts(tables, ground, now));
  if (thefts.empty()) return aftermath;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<Word> words, ReadWords(tables));
  Names all;
  std::vector<Blocker> served;
  for (const Theft& theft : thefts) {
    Names names;
    SIGNET_RETURN_IF_ERROR(AddTrusting(tables, theft, words, longest_leaf, now, names));
    const std::size_t before = served.size();
    if (now <= theft.at + longest_leaf) SIGNET_RETURN_IF_ERROR(AddServed(tables, theft, now, served));
    if (names.empty() && served.size() == before) continue;
    aftermath.stolen.insert(aftermath.stolen.end(), theft.rows.begin(), theft.rows.end());
    aftermath.since = theft.at;
    all.nodes.merge(names.nodes);
    all.daemons.merge(names.daemons);
    all.hosts.merge(names.hosts);
    for (auto& [service, hosts] : names.services) all.services[service].merge(hosts);
  }
  aftermath.blockers = BlockersOf(all, aftermath);
  std::move(served.begin(), served.end(), std::back_inserter(aftermath.blockers));
  return aftermath;
}

bool LayBesideStolen(const store::AuthorityRow& row, const Ground& ground) {
  return std::any_of(ground.rows.begin(), ground.rows.end(), [&row](const store::AuthorityRow& one) {
    return one.purpose == row.purpose && one.custody != kForeignCustody && one.stolen_at >= row.created_at;
  });
}

}  // namespace signet::authority
