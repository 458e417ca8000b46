#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/rotation.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/name.h"

namespace signet::authority {
namespace {

// Signing leaves again, it must outlive them: those it signs last, and those that replace them.
absl::Status CheckRollback(const store::AuthorityRow& row, const RotationRules& rules, absl::Time now) {
  if (IsImported(row)) {
    return Illegal(absl::StrCat("authority ", Described(row), " was imported, and signs no leaves here"),
                   "signetctl authority prepare");
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(row.certificate_der));
  if (now + 2 * rules.longest_leaf <= certificate.not_after()) return absl::OkStatus();
  return Illegal(absl::StrCat("authority ", Described(row), " ends at ", TimeText(certificate.not_after()),
                              ": less than two leaf lifetimes, ", DurationText(2 * rules.longest_leaf), ", are left"),
                 "signetctl authority prepare");
}

absl::StatusOr<std::vector<Blocker>> GatesOf(Verb verb, const store::AuthorityRow& row, const Ground& ground,
                                             const RotationRules& rules, const store::Tables& tables, absl::Time now) {
  if (verb == Verb::kActivate || verb == Verb::kRollback) return NotLoaded(tables, row, row.created_at, now);
  if (verb == Verb::kRevoke) return RevokeGates(tables, row, ground.Active(), rules.hold, now);
  return std::vector<Blocker>();
}

absl::Status GateClosed(const store::AuthorityRow& row, Verb verb, const std::vector<Blocker>& blockers) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed,
                       absl::StrCat(VerbName(verb), " of ", Described(row), ": ", Causes(blockers)),
                       blockers.front().next);
}

// As of two subordinates of one root.
bool SharesItsAnchor(const store::AuthorityRow& row, const Ground& ground) {
  const auto anchor = AnchorOf(row);
  return std::any_of(ground.rows.begin(), ground.rows.end(), [&](const store::AuthorityRow& other) {
    if (other.id == row.id || other.purpose != row.purpose || !IsTrusted(other.state)) return false;
    const auto others = AnchorOf(other);
    return anchor.ok() && others.ok() && others->public_key() == anchor->public_key();
  });
}

std::vector<std::string> StepsOf(Verb verb, const store::AuthorityRow& row, const Ground& ground, const Draft& draft,
                                 const RotationRules& rules, absl::Time now) {
  const store::AuthorityRow* active = ground.Active();
  std::vector<std::string> steps;
  const auto add = [&steps](const auto&... words) { steps.push_back(absl::StrCat(words...)); };
  switch (verb) {
    case Verb::kActivate:
    case Verb::kRollback:
      add(Described(row), " signs from now on");
      add(Described(*active), " retires, and stays in the bundle until it is revoked: not before ",
          TimeText(now + rules.hold));
      if (draft.cross.has_value()) {
        add(NameOf(*active), " vouches for ", NameOf(row), " by a cross certificate until ",
            TimeText(draft.cross->not_after), ", which every new leaf carries");
      }
      break;
    case Verb::kWithdraw:
    case Verb::kRevoke:
      if (SharesItsAnchor(row, ground)) {
        add(Described(row),
            " is revoked, and its root stays in the trust bundle for another authority below it: what it "
            "signed is accepted until it ends; where its key may be stolen, use emergency instead");
      } else {
        add(Described(row), " leaves the trust bundle for good");
        if (const auto anchor = AnchorOf(row); anchor.ok() && !row.anchor_der.empty()) {
          add("so does its root ", anchor->subject(),
              ": another authority below it has to be imported before this step, or hangs below another root");
        }
      }
      for (const store::CrossRow& cross : ground.crosses) {
        const store::AuthorityRow* issuer = ground.Find(cross.issuer_id);
        if (cross.subject_id != row.id || cross.not_after < now || issuer == nullptr || !IsTrusted(issuer->state)) {
          continue;
        }
        add("until ", TimeText(cross.not_after), " a cross certificate by ", NameOf(*issuer),
            " still vouches for it to whoever keeps one: where its key may be stolen, use emergency instead");
      }
      break;
    case Verb::kDestroy:
      add("the key of ", Described(row), " is wiped from the store; backups made before keep it, sealed");
      break;
  }
  if (draft.bundle.has_value()) {
    add("trust bundle generation ", draft.bundle->generation, " follows ", ground.newest.generation);
  } else {
    add("the trust bundle stays at generation ", ground.newest.generation);
  }
  if (verb == Verb::kActivate || verb == Verb::kRollback || verb == Verb::kRevoke) {
    add("hosts without a daemon that never reported are not seen, and neither are images, overlays and golden disks: "
        "see to them by hand");
  }
  return steps;
}

// The key is gone from its row by now, and may lie on in what the store's files keep of earlier writes.
void ScrubAfterDestroy(store::Store& store, Plan& plan) {
  const absl::Status scrubbed = store.Scrub();
  if (scrubbed.ok()) return;
  plan.steps.push_back(absl::StrCat("the store's files may still hold the sealed key: ", scrubbed.message(),
                                    "; repeat the command, or restart signetd"));
}

}  // namespace

absl::StatusOr<Draft> Rotation::DraftOf(Verb verb, const store::AuthorityRow& row, const Ground& ground,
                                        absl::Time now) const {
  Draft draft;
  store::AuthorityRow next = row;
  audit::Event& event = draft.event;
  event.action = absl::StrCat("authority.", VerbName(verb));
  event.subject = row.id;
  event.facts = {{"authority", NameOf(row)}, {"from", std::string(StateName(row.state))}};
  if (verb == Verb::kActivate || verb == Verb::kRollback) {
    const store::AuthorityRow* active = ground.Active();
    if (active == nullptr) return Illegal("there is no active authority for slurm", "signetctl authority list");
    store::AuthorityRow former = *active;
    former.state = store::AuthorityState::kRetired;
    former.retired_at = now;
    next.state = store::AuthorityState::kActive;
    next.activated_at = now;
    draft.changed = {former, next};
    event.facts["former"] = former.id;
    if (verb == Verb::kActivate) {
      SIGNET_RETURN_IF_ERROR(parts_.authorities.Reload());
      SIGNET_ASSIGN_OR_RETURN(const auto issuer, parts_.authorities.Find(former.id));
      SIGNET_ASSIGN_OR_RETURN(const auto subject, parts_.authorities.Find(next.id));
      if (NeedsCross(*issuer, *subject)) {
        // It was prepared beside another that signs by now.
        if (const absl::Status may = CheckMayVouch(*issuer, subject->intermediates.size()); !may.ok()) {
          return Illegal(may.message(), VerbCommand(Verb::kWithdraw, row));
        }
        const absl::Duration lifetime =
            CrossLifetimeWithin(*issuer, *subject, CrossLifetime(rules_.hold, rules_.longest_leaf), now);
        SIGNET_ASSIGN_OR_RETURN(draft.cross, MakeCross(*issuer, *subject, lifetime, parts_.random.Bytes(20), now));
        AddCross(*draft.cross, event);
      }
    }
  } else if (verb == Verb::kDestroy) {
    next.state = store::AuthorityState::kDestroyed;
    next.handle.clear();
    draft.changed = {next};
  } else {
    next.state = store::AuthorityState::kRevoked;
    next.revoked_at = now;
    draft.changed = {next};
    SIGNET_ASSIGN_OR_RETURN(
        draft.bundle, BundleOf(After(ground, draft.changed), ground, cluster_, parts_.store, parts_.custody, now));
  }
  event.facts["to"] = std::string(StateName(next.state));
  event.facts["bundle_generation"] =
      absl::StrCat(draft.bundle.has_value() ? draft.bundle->generation : ground.newest.generation);
  return draft;
}

absl::StatusOr<Changed> Rotation::ChangeRequested(const ChangeRequest& request, const std::string& id,
                                                  const Ground& ground, const audit::Origin& origin) {
  const store::AuthorityRequestRow* row = ground.FindRequest(id);
  if (row == nullptr) return Illegal("the authority went meanwhile", "signetctl authority list");
  const std::string described = absl::StrCat(x509::NameTextFromDer(row->subject_der), " (", ShortId(row->id), ")");
  if (request.verb != Verb::kWithdraw) {
    return Illegal(absl::StrCat(VerbName(request.verb), ": ", described, " is only asked for, and no authority yet"),
                   IsOpen(*row) ? "signetctl authority import --chain FILE" : "signetctl authority list");
  }
  Changed changed{id, {}, false, true};
  changed.plan.bundle_generation = ground.newest.generation;
  if (!IsOpen(*row)) {
    changed.plan.steps = {absl::StrCat("the request for ", described, " was withdrawn already")};
    if (!request.dry_run) ScrubAfterDestroy(parts_.store, changed.plan);
    return changed;
  }
  changed.plan.steps = {absl::StrCat("the request for ", described,
                                     " is dropped, and its key wiped from the store; "
                                     "backups made before keep it, sealed"),
                        "a certificate that somebody makes for it is worth nothing any more"};
  if (request.dry_run) return changed;
  Draft draft;
  draft.withdrawn_request = id;
  draft.withdrawn_at = parts_.clock.Now();
  draft.event.origin = origin;
  draft.event.action = "authority.withdraw";
  draft.event.subject = id;
  draft.event.message = absl::StrJoin(changed.plan.steps, "; ");
  draft.event.facts = {{"certificate_subject", x509::NameTextFromDer(row->subject_der)}, {"from", "REQUESTED"}};
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  changed.changed = true;
  ScrubAfterDestroy(parts_.store, changed.plan);
  return changed;
}

absl::StatusOr<Changed> Rotation::Change(const ChangeRequest& request, const audit::Origin& origin, Plan* plan) {
  const bool forced = !request.force_reason.empty();
  if (forced) SIGNET_RETURN_IF_ERROR(CheckReason("force_reason", request.force_reason));
  SIGNET_ASSIGN_OR_RETURN(const std::string id, FindId(request.authority_id, true));
  const absl::Time now = parts_.clock.Now();
  Ground ground;
  Changed changed{id, {}, false, false};
  const auto survey = [&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    const store::AuthorityRow* found = ground.Find(id);
    if (found == nullptr || IsTaken(request.verb, *found)) return absl::OkStatus();
    SIGNET_RETURN_IF_ERROR(CheckLegal(request.verb, *found));
    if (request.verb == Verb::kRollback) SIGNET_RETURN_IF_ERROR(CheckRollback(*found, rules_, now));
    SIGNET_ASSIGN_OR_RETURN(changed.plan.blockers, GatesOf(request.verb, *found, ground, rules_, tables, now));
    return absl::OkStatus();
  };
  SIGNET_RETURN_IF_ERROR(parts_.store.Read(survey));
  const store::AuthorityRow* row = ground.Find(id);
  if (row == nullptr) {
    SIGNET_ASSIGN_OR_RETURN(changed, ChangeRequested(request, id, ground, origin));
    *plan = changed.plan;
    return changed;
  }
  changed.plan.bundle_generation = ground.newest.generation;
  if (IsTaken(request.verb, *row)) {
    changed.plan.steps = {absl::StrCat(Described(*row), " is ", StateName(row->state), " already")};
    if (request.verb == Verb::kDestroy && !request.dry_run) ScrubAfterDestroy(parts_.store, changed.plan);
    *plan = changed.plan;
    SIGNET_RETURN_IF_ERROR(parts_.authorities.Reload());
    return changed;
  }
  SIGNET_ASSIGN_OR_RETURN(Draft draft, DraftOf(request.verb, *row, ground, now));
  changed.plan.steps = StepsOf(request.verb, *row, ground, draft, rules_, now);
  if (draft.bundle.has_value()) changed.plan.bundle_generation = draft.bundle->generation;
  *plan = changed.plan;
  if (request.dry_run) return changed;
  if (!forced && !changed.plan.blockers.empty()) return GateClosed(*row, request.verb, changed.plan.blockers);

  draft.event.origin = origin;
  draft.event.message = absl::StrJoin(changed.plan.steps, "; ");
  const auto write = [&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckUnmoved(ground, tables));
    SIGNET_ASSIGN_OR_RETURN(plan->blockers, GatesOf(request.verb, *row, ground, rules_, tables, now));
    if (!forced && !plan->blockers.empty()) return GateClosed(*row, request.verb, plan->blockers);
    if (forced) {
      draft.event.facts["forced"] = request.force_reason;
      draft.event.facts["passed_over"] = plan->blockers.empty() ? "nothing" : FoldBlockers(plan->blockers);
    }
    return StoreDraft(draft, parts_.audit, tables);
  };
  SIGNET_RETURN_IF_ERROR(parts_.store.Write(write));
  changed.plan.blockers = plan->blockers;
  changed.changed = true;
  if (request.verb == Verb::kDestroy) ScrubAfterDestroy(parts_.store, changed.plan);
  SIGNET_RETURN_IF_ERROR(ReloadAfter(absl::StrCat(VerbName(request.verb), " of ", id)));
  return changed;
}

}  // namespace signet::authority
