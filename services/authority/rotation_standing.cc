#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/known_bundles.h"
#include "services/authority/observations.h"
#include "services/authority/rotation.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"

namespace signet::authority {
namespace {

constexpr int kPage = 1000;
// A host may report any number: one beyond this is no trace of a bundle that this server made and forgot.
constexpr uint64_t kMostAhead = 1'000'000;

// Calls `visit` with every bundle that a host reported, on disk or loaded. Blocked names say nothing.
absl::Status VisitReported(
    const store::Tables& tables,
    absl::FunctionRef<void(const std::string& host, uint64_t generation, const std::string& sha256)> visit) {
  store::NodeRow last;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::NodeRow> rows, tables.nodes().List(last.name, last.daemon, kPage));
    for (const store::NodeRow& row : rows) {
      SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, row.name));
      if (blocked) continue;
      visit(row.name, row.disk_generation, row.disk_sha256);
      visit(row.name, row.loaded_generation, row.loaded_sha256);
    }
    if (rows.size() < kPage) break;
    last = rows.back();
  }
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ReportRow> reports, tables.sightings().ListReports());
  for (const store::ReportRow& row : reports) {
    SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, row.host));
    if (blocked) continue;
    visit(row.host, row.disk_generation, row.disk_sha256);
    visit(row.host, row.loaded_generation, row.loaded_sha256);
  }
  return absl::OkStatus();
}

struct Seen {
  uint64_t highest = 0;                 // that any host reported
  uint64_t highest_foreign = 0;         // of a bundle that this server does not know: an older backup was restored
  std::string foreign_host;             // that reported it
  std::set<std::string> foreign_hosts;  // all that reported one that this server does not know and would go below
};

absl::StatusOr<Seen> ReadSeen(const store::Tables& tables, uint64_t newest) {
  SIGNET_ASSIGN_OR_RETURN(const KnownBundles known, KnownBundles::Read(tables, ""));
  Seen seen;
  SIGNET_RETURN_IF_ERROR(
      VisitReported(tables, [&](const std::string& host, uint64_t generation, const std::string& sha256) {
        if (sha256.empty() || generation > newest + kMostAhead) return;
        seen.highest = std::max(seen.highest, generation);
        const bool ours = generation < known.oldest() || known.Judge(sha256) != Holds::kUnknown;
        if (ours && generation <= newest) return;
        if (generation >= newest) seen.foreign_hosts.insert(host);
        if (generation <= seen.highest_foreign) return;
        seen.highest_foreign = generation;
        seen.foreign_host = host;
      }));
  return seen;
}

// A bundle above the foreign ones takes from every host the roots that this server does not know, perhaps the one that
// everybody's certificate is under.
std::string RecoverSteps(const std::string& host) {
  return absl::StrCat("signetctl authority import FILE   # of each root in ca_cert.pem of ", host,
                      " that signetctl authority list does not name; then signetctl bundle recover --force");
}

std::string NextOf(const std::vector<Blocker>& blockers, const std::string& when_open) {
  return blockers.empty() ? when_open : blockers.front().next;
}

// The root of `row` spreads, and `blockers` are whom it has not reached.
absl::Status Spreading(const store::Tables& tables, const store::AuthorityRow& row, std::vector<Blocker> blockers,
                       const std::string& when_open, absl::Time now, Standing& standing) {
  standing.step = Step::kSpreading;
  standing.authority_id = row.id;
  standing.since = row.created_at;
  standing.blockers = std::move(blockers);
  standing.next = NextOf(standing.blockers, when_open);
  SIGNET_ASSIGN_OR_RETURN(const int64_t nodes, CountCertified(tables, now));
  int64_t missing = 0;
  std::string others;
  for (const Blocker& blocker : standing.blockers) {
    if (blocker.kind == BlockerKind::kNodeNotLoaded) {
      missing = blocker.count;
    } else {
      absl::StrAppend(&others, "; ", blocker.cause);
    }
  }
  standing.summary =
      absl::StrCat(NameOf(row), " spreads since ", DurationText(now - standing.since), ": ", nodes - missing, " of ",
                   Counted(nodes, "node"), " ", nodes == 1 ? "has" : "have", " loaded it", others);
  return absl::OkStatus();
}

// Whom the replacement of a stolen authority has not reached: who has not loaded the root of `active`, which took its
// place, and who serves certificates of those that left. Empty too when `active` took no such place, or so long ago
// that every certificate of those that left has ended.
absl::StatusOr<std::vector<Blocker>> AfterTheft(const store::Tables& tables, const Ground& ground,
                                                const store::AuthorityRow& active, absl::Duration longest_leaf,
                                                absl::Time now) {
  std::vector<Blocker> served;
  if (now > active.created_at + longest_leaf) return served;
  bool replaced = false;
  for (const store::AuthorityRow* row : ground.InState(store::AuthorityState::kRevoked)) {
    // In good order an authority retires before it is revoked.
    if (row->revoked_at != active.created_at) continue;
    replaced = true;
    SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> more, StillServed(tables, *row, now));
    std::move(more.begin(), more.end(), std::back_inserter(served));
  }
  if (!replaced) return served;
  SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> blockers, NotLoaded(tables, active, active.created_at, now));
  std::move(served.begin(), served.end(), std::back_inserter(blockers));
  return blockers;
}

absl::Status Holding(const store::Tables& tables, const store::AuthorityRow& row, const store::AuthorityRow* active,
                     absl::Duration hold, absl::Time now, Standing& standing) {
  standing.step = Step::kHolding;
  standing.authority_id = row.id;
  standing.since = std::max(row.retired_at, row.created_at);
  SIGNET_ASSIGN_OR_RETURN(standing.blockers, RevokeGates(tables, row, active, hold, now));
  standing.summary = absl::StrCat(NameOf(row), " is retired since ", DurationText(now - standing.since), ": ",
                                  standing.blockers.empty() ? "nobody needs it any more" : Causes(standing.blockers));
  standing.next = NextOf(standing.blockers, VerbCommand(Verb::kRevoke, row));
  return absl::OkStatus();
}

// Of several, an imported one that vouches for another comes first: who trusts it alone needs both.
const store::AuthorityRow& FirstToLeave(const std::vector<const store::AuthorityRow*>& retired, const Ground& ground,
                                        absl::Time now) {
  const auto vouches = [&](const store::AuthorityRow& row) {
    return std::any_of(ground.crosses.begin(), ground.crosses.end(), [&](const store::CrossRow& cross) {
      return cross.issuer_id == row.id && now < cross.not_after &&
             std::any_of(retired.begin(), retired.end(),
                         [&](const auto* other) { return other->id == cross.subject_id; });
    });
  };
  for (const store::AuthorityRow* row : retired) {
    if (IsImported(*row) && vouches(*row)) return *row;
  }
  return *retired.front();
}

// Past `prepare_by` nothing but an outage leads away from `active`.
absl::Status WarnOfEnd(const store::AuthorityRow& active, bool prepared, absl::Duration cross, absl::Time now,
                       Standing& standing) {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(active.certificate_der));
  standing.prepare_by = certificate.not_after() - cross;
  if (prepared || now < standing.prepare_by - kPrepareWarning) return absl::OkStatus();
  const std::string end = absl::StrCat(NameOf(active), " ends at ", TimeText(certificate.not_after()));
  const std::string why = absl::StrCat("it has to vouch for its successor for ", DurationText(cross));
  if (now > standing.prepare_by) {
    standing.warning =
        absl::StrCat(end, ", and since ", TimeText(standing.prepare_by), " no other can be prepared: ", why);
    standing.warning_next =
        "set rotation.hold or profiles.service.lifetime in signetd.yaml lower, then "
        "signetctl authority prepare";
    return absl::OkStatus();
  }
  standing.warning = absl::StrCat(end, "; the next one can be prepared until ", TimeText(standing.prepare_by), " (in ",
                                  DurationText(standing.prepare_by - now), "), since ", why);
  standing.warning_next = "signetctl authority prepare";
  return absl::OkStatus();
}

// Who trusts nothing but an imported authority refuses every new certificate from the end of its cross certificate on.
absl::Status WarnOfVoucher(const store::Tables& tables, const Ground& ground, absl::Time now, Standing& standing) {
  if (!standing.warning.empty()) return absl::OkStatus();
  for (const store::CrossRow& cross : ground.crosses) {
    const store::AuthorityRow* row = ground.Find(cross.issuer_id);
    const bool trusted = row != nullptr && row->state == store::AuthorityState::kRetired && IsImported(*row);
    if (!trusted || now >= cross.not_after || now < cross.not_after - kPrepareWarning) continue;
    SIGNET_ASSIGN_OR_RETURN(const Acks acks, Acks::Read(tables, row->id, SignsNoMoreSince(*row)));
    if (acks.Any(kUnlisted)) continue;
    standing.warning = absl::StrCat("the cross certificate by ", NameOf(*row), " ends at ", TimeText(cross.not_after),
                                    " (in ", DurationText(cross.not_after - now), "): who trusts nothing but ",
                                    NameOf(*row), " then refuses our certificates");
    standing.warning_next = absl::StrCat("have every host load the trust bundle, then ", AckCommand(kUnlisted, *row));
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Standing> Rotation::Stand() const {
  const absl::Time now = parts_.clock.Now();
  Standing standing;
  const auto read = [&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const Ground ground, Survey(tables));
    standing.bundle_generation = ground.newest.generation;
    SIGNET_ASSIGN_OR_RETURN(const Seen seen, ReadSeen(tables, ground.newest.generation));
    standing.highest_generation_seen = seen.highest;
    const store::AuthorityRow* active = ground.Active();
    const auto prepared = ground.InState(store::AuthorityState::kPrepared);
    const auto retired = ground.InState(store::AuthorityState::kRetired);
    std::vector<Blocker> theft;
    if (active != nullptr) {
      const absl::Duration cross = CrossLifetime(rules_.hold, rules_.longest_leaf);
      SIGNET_RETURN_IF_ERROR(WarnOfEnd(*active, !prepared.empty(), cross, now, standing));
      SIGNET_RETURN_IF_ERROR(WarnOfVoucher(tables, ground, now, standing));
      SIGNET_ASSIGN_OR_RETURN(theft, AfterTheft(tables, ground, *active, rules_.longest_leaf, now));
    }
    if (!theft.empty()) {
      SIGNET_RETURN_IF_ERROR(Spreading(tables, *active, std::move(theft), "", now, standing));
    } else if (!prepared.empty()) {
      const store::AuthorityRow& row = *prepared.front();
      SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> blockers, NotLoaded(tables, row, row.created_at, now));
      SIGNET_RETURN_IF_ERROR(
          Spreading(tables, row, std::move(blockers), VerbCommand(Verb::kActivate, row), now, standing));
    } else if (!retired.empty()) {
      SIGNET_RETURN_IF_ERROR(Holding(tables, FirstToLeave(retired, ground, now), active, rules_.hold, now, standing));
    } else if (active != nullptr) {
      SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(active->certificate_der));
      standing.since = std::max(active->activated_at, active->created_at);
      standing.summary =
          absl::StrCat(NameOf(*active), " signs, alone in the trust bundle, until ", TimeText(certificate.not_after()));
      standing.next = "signetctl authority prepare";
    }
    // Before all else: hosts that hold a higher generation take no bundle that a rotation makes.
    if (seen.highest_foreign >= ground.newest.generation) {
      const bool alone = seen.foreign_hosts.size() == 1;
      absl::StrAppend(&standing.summary, "; ", seen.foreign_host, alone ? " alone" : "", " holds bundle generation ",
                      seen.highest_foreign, ", which this server did not make: was an older backup restored",
                      alone ? ", or does it lie (signetctl node block)?" : "?");
      standing.next = RecoverSteps(seen.foreign_host);
    }
    return absl::OkStatus();
  };
  SIGNET_RETURN_IF_ERROR(parts_.store.Read(read));
  return standing;
}

absl::StatusOr<Rotation::Recovered> Rotation::RecoverBundle(uint64_t at_least, bool dry_run, bool force,
                                                            const audit::Origin& origin) {
  const absl::Time now = parts_.clock.Now();
  Ground ground;
  Seen seen;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    SIGNET_ASSIGN_OR_RETURN(seen, ReadSeen(tables, ground.newest.generation));
    return absl::OkStatus();
  }));
  const uint64_t newest = ground.newest.generation;
  if (at_least > newest + kMostAhead) {
    return Illegal(absl::StrCat("at_least: is ", at_least, ", more than ", kMostAhead, " above generation ", newest,
                                ": hosts would refuse every bundle below it for ever"),
                   "signetctl rotation status");
  }
  const uint64_t floor = std::max(at_least, seen.highest_foreign);
  if (newest > floor) return Recovered{newest, false};
  const bool foreign = seen.highest_foreign >= newest;
  if (foreign && !force) {
    return Illegal(
        absl::StrCat(seen.foreign_host, " holds bundle generation ", seen.highest_foreign,
                     ", which this server did not make: a new one takes from every host the roots in it that "
                     "this server does not know, and with them whatever they signed"),
        RecoverSteps(seen.foreign_host));
  }
  if (dry_run) return Recovered{floor + 1, false};

  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(ground.rows, now));
  SIGNET_ASSIGN_OR_RETURN(const auto bundle_key, OpenKey(parts_.store, parts_.custody, kBundlePurpose));
  Draft draft;
  SIGNET_ASSIGN_OR_RETURN(draft.bundle, NextBundle(cluster_, ground.newest, anchors, *bundle_key, now, floor + 1));
  draft.event.origin = origin;
  draft.event.action = "bundle.recover";
  draft.event.subject = absl::StrCat(draft.bundle->generation);
  draft.event.message = "the trust bundle's generation jumps above what hosts hold";
  draft.event.facts = {{"from", absl::StrCat(newest)},
                       {"at_least", absl::StrCat(at_least)},
                       {"highest_reported", absl::StrCat(seen.highest)}};
  if (foreign)
    draft.event.facts["forced_over"] = names::CompressHostlist({seen.foreign_hosts.begin(), seen.foreign_hosts.end()});
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  return Recovered{draft.bundle->generation, true};
}

}  // namespace signet::authority
