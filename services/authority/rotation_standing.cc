#include <algorithm>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "services/authority/after_theft.h"
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
  return absl::StrCat(
      "signetctl authority import FILE && signetctl bundle recover --force   # FILE: each root in "
      "ca_cert.pem of ",
      host, " that signetctl authority list does not name");
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

// Before anything else goes on.
void TheftStands(const Aftermath& aftermath, const store::AuthorityRow& active, absl::Time now, Standing& standing) {
  standing.step = Step::kSpreading;
  // Acknowledgements are about this one: of a root that took the stolen one's place they say the same.
  const bool replaced = active.created_at >= aftermath.since;
  standing.authority_id = replaced ? active.id : aftermath.stolen.back()->id;
  standing.since = aftermath.since;
  standing.blockers = aftermath.blockers;
  standing.next = standing.blockers.front().next;
  standing.summary = absl::StrCat(NamesOf(aftermath.stolen), " left the trust bundle for a theft ",
                                  DurationText(now - aftermath.since), " ago: ", Causes(aftermath.blockers));
}

// Why `row` is not to be activated; empty when nothing speaks against it.
absl::StatusOr<std::string> FaultOfPrepared(const Ground& ground, const store::AuthorityRow& row) {
  if (LayBesideStolen(row, ground)) return std::string("its key lay beside a stolen one");
  if (ground.Active() == nullptr) return std::string();
  SIGNET_ASSIGN_OR_RETURN(const Authority active, Unopened(*ground.Active()));
  SIGNET_ASSIGN_OR_RETURN(const Authority next, Unopened(row));
  if (!NeedsCross(active, next)) return std::string();
  return std::string(CheckMayVouch(active, next.intermediates.size()).message());
}

absl::Status PreparedStands(const store::Tables& tables, const Ground& ground, const store::AuthorityRow& row,
                            absl::Time now, Standing& standing) {
  SIGNET_ASSIGN_OR_RETURN(const std::string fault, FaultOfPrepared(ground, row));
  if (fault.empty()) {
    SIGNET_ASSIGN_OR_RETURN(std::vector<Blocker> blockers, NotLoaded(tables, row, row.created_at, now));
    return Spreading(tables, row, std::move(blockers), VerbCommand(Verb::kActivate, row), now, standing);
  }
  standing.step = Step::kSpreading;
  standing.authority_id = row.id;
  standing.since = row.created_at;
  standing.summary = absl::StrCat(NameOf(row), " is prepared and cannot take over: ", fault);
  standing.next = VerbCommand(Verb::kWithdraw, row);
  return absl::OkStatus();
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

// What stands besides a prepared one, which the next step is about.
absl::Status AddOthers(const store::Tables& tables, const Ground& ground,
                       const std::vector<const store::AuthorityRow*>& prepared,
                       const std::vector<const store::AuthorityRow*>& retired, absl::Duration hold, absl::Time now,
                       Standing& standing) {
  if (prepared.size() > 1) {
    absl::StrAppend(&standing.summary, "; ", NameOf(*prepared.back()),
                    " is prepared too: ", VerbCommand(Verb::kWithdraw, *prepared.back()), ", where one was meant");
  }
  if (retired.empty()) return absl::OkStatus();
  Standing held;
  SIGNET_RETURN_IF_ERROR(Holding(tables, FirstToLeave(retired, ground, now), ground.Active(), hold, now, held));
  absl::StrAppend(&standing.summary, "; ", held.summary, held.blockers.empty() ? ": " + held.next : "");
  return absl::OkStatus();
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

// One that lives for less than twice the warning is new for half of its life.
absl::Time WarnsFrom(const store::CrossRow& cross) {
  return cross.not_after - std::min(kPrepareWarning, (cross.not_after - cross.created_at) / 2);
}

// Who trusts nothing but an authority that retired refuses every new certificate from the end of its cross certificate
// on. Of an imported one nobody knows who that is; of another one, who has not loaded the root of `active`.
absl::Status WarnOfVoucher(const store::Tables& tables, const Ground& ground, const store::AuthorityRow& active,
                           absl::Time now, Standing& standing) {
  if (!standing.warning.empty()) return absl::OkStatus();
  for (const store::CrossRow& cross : ground.crosses) {
    const store::AuthorityRow* row = ground.Find(cross.issuer_id);
    const bool trusted = row != nullptr && row->state == store::AuthorityState::kRetired;
    if (!trusted || now >= cross.not_after || now < WarnsFrom(cross)) continue;
    const std::string end =
        absl::StrCat("the cross certificate by ", NameOf(*row), " ends at ", TimeText(cross.not_after), " (in ",
                     DurationText(cross.not_after - now), "): ");
    if (!IsImported(*row)) {
      if (cross.subject_id != active.id) continue;
      SIGNET_ASSIGN_OR_RETURN(const auto blockers, NotLoaded(tables, active, active.created_at, now));
      if (blockers.empty()) continue;
      standing.warning = absl::StrCat(end, "who trusts nothing but ", NameOf(*row), " then refuses our certificates; ",
                                      FoldBlockers(blockers));
      standing.warning_next = blockers.front().next;
      return absl::OkStatus();
    }
    SIGNET_ASSIGN_OR_RETURN(const Acks acks, Acks::Read(tables, row->id, SignsNoMoreSince(*row), now));
    if (acks.Any(kUnlisted)) continue;
    standing.warning = absl::StrCat(end, "who trusts nothing but ", NameOf(*row), " then refuses our certificates");
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
    Aftermath aftermath;
    if (active != nullptr) {
      const absl::Duration cross = CrossLifetime(rules_.hold, rules_.longest_leaf);
      SIGNET_RETURN_IF_ERROR(WarnOfEnd(*active, !prepared.empty(), cross, now, standing));
      SIGNET_RETURN_IF_ERROR(WarnOfVoucher(tables, ground, *active, now, standing));
      SIGNET_ASSIGN_OR_RETURN(aftermath, AfterTheft(tables, ground, rules_.longest_leaf, now));
    }
    if (!aftermath.blockers.empty()) {
      TheftStands(aftermath, *active, now, standing);
    } else if (!prepared.empty()) {
      SIGNET_RETURN_IF_ERROR(PreparedStands(tables, ground, *prepared.front(), now, standing));
      SIGNET_RETURN_IF_ERROR(AddOthers(tables, ground, prepared, retired, rules_.hold, now, standing));
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
  // Right after a restore no host has spoken: whoever names a generation has seen it on one.
  const bool foreign = seen.highest_foreign >= newest;
  if (!force) {
    const std::string holds = foreign
                                  ? absl::StrCat(seen.foreign_host, " holds bundle generation ", seen.highest_foreign)
                                  : absl::StrCat("at_least: a host holds bundle generation ", at_least);
    return Illegal(
        absl::StrCat(holds,
                     ", which this server did not make: a new one takes from every host the roots in it that this "
                     "server does not know, and with them whatever they signed; and where ",
                     ground.Active() == nullptr ? "none" : NameOf(*ground.Active()),
                     ", which signs here, is not among its roots, stop signet-service-renew.timer on every host first"),
        RecoverSteps(foreign ? seen.foreign_host : "that host"));
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
  draft.event.facts["forced_over"] =
      foreign ? names::CompressHostlist({seen.foreign_hosts.begin(), seen.foreign_hosts.end()})
              : absl::StrCat("a host with generation ", at_least);
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  return Recovered{draft.bundle->generation, true};
}

}  // namespace signet::authority
