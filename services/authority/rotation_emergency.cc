#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/new_root.h"
#include "services/authority/next_subject.h"
#include "services/authority/rotation.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/status_macros.h"
#include "services/x509/name.h"

namespace signet::authority {
namespace {

absl::Status CheckStolen(const Ground& ground, const StolenRequest& request, absl::string_view id) {
  const store::AuthorityRow* stolen = ground.Find(id);
  if (stolen == nullptr) return Illegal("the authority went meanwhile", "signetctl authority list");
  if (stolen->purpose != store::Purpose::kSlurm) {
    return Illegal(absl::StrCat("authority ", Described(*stolen), " signs Signet's own TLS, which is not rotated"),
                   "begin with a new data_dir and enrol the nodes again");
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(stolen->certificate_der));
  if (request.confirm_subject == certificate.subject()) return absl::OkStatus();
  return Malformed(absl::StrCat("confirm_subject: must be the subject of the stolen authority, letter by letter"));
}

// What a theft makes of the list.
struct Taken {
  std::vector<store::AuthorityRow> revoked;  // those of the tainted ones that are trusted now, as they will be
  std::vector<store::AuthorityRow> marked;   // those that left before, for another reason, and hosts may hold still
};

Taken TakenBy(const Ground& ground, const std::set<std::string>& tainted, absl::Time now) {
  Taken taken;
  for (store::AuthorityRow row : ground.rows) {
    if (row.purpose != store::Purpose::kSlurm || tainted.count(row.id) == 0) continue;
    const bool known = row.stolen_at != absl::InfinitePast();
    if (!known) row.stolen_at = now;
    if (IsTrusted(row.state)) {
      row.state = store::AuthorityState::kRevoked;
      row.revoked_at = now;
      taken.revoked.push_back(std::move(row));
    } else if (!known) {
      taken.marked.push_back(std::move(row));
    }
  }
  return taken;
}

// Whoever takes one key out of the store or its backups has the others.
std::string OtherKeysStep(const store::AuthorityRow& active, bool active_leaves) {
  const std::string signs = active_leaves ? "" : absl::StrCat("that of ", Described(active), ", which signs on, and ");
  const std::string cure =
      active_leaves ? "" : absl::StrCat("signetctl authority emergency ", ShortId(active.id), ", then ");
  return absl::StrCat("under the same key-encryption key lie ", signs,
                      "the keys of Signet's own TLS, of the trust bundle and of the audit log, and so will the next "
                      "ones: where it was taken with a copy of the store, ",
                      cure,
                      "begin with a new data_dir and new pins on every host: until then the thief can be signetd to "
                      "whoever calls it over the network, and sign trust bundles");
}

std::vector<std::string> StepsOf(const Ground& ground, absl::string_view stolen_id, const Taken& taken,
                                 absl::string_view new_subject, uint64_t generation) {
  const std::vector<store::AuthorityRow>& revoked = taken.revoked;
  std::vector<std::string> steps;
  steps.reserve(revoked.size());
  for (const store::AuthorityRow& row : taken.marked) {
    steps.push_back(absl::StrCat(Described(row), " left the trust bundle before, and is known as stolen from now on"));
  }
  for (const store::AuthorityRow& row : revoked) {
    steps.push_back(absl::StrCat(Described(row), " leaves the trust bundle for good",
                                 row.id == stolen_id ? "" : ": by it the stolen key would still be accepted"));
  }
  std::set<std::string> roots;
  for (const store::AuthorityRow& row : revoked) {
    const auto anchor = AnchorOf(row);
    if (row.anchor_der.empty() || !anchor.ok() || !roots.insert(anchor->subject()).second) continue;
    steps.push_back(absl::StrCat("the root ", anchor->subject(), " leaves with ", NameOf(row),
                                 ": whoever trusts it accepts whatever was signed below it. It does not come back, so "
                                 "that the next subordinate authority needs another root"));
  }
  if (!new_subject.empty()) {
    steps.push_back(absl::StrCat("a new root, ", new_subject, ", signs from now on; nothing vouches for it"));
  }
  steps.push_back(absl::StrCat(
      "trust bundle generation ", generation,
      generation == ground.newest.generation ? " stays" : absl::StrCat(" follows ", ground.newest.generation),
      "; a host accepts the stolen key until it has loaded it: spread it to every host now"));
  steps.emplace_back(
      "put it into images, overlays and golden disks too: a host that starts with an old file accepts the stolen key "
      "again, long afterwards");
  steps.emplace_back(
      "then, in this order: service certificates anew, restart slurmdbd, slurmctld and slurmrestd, then slurmd and "
      "sackd "
      "on every node, which enrol again by their identity keys");
  const auto leaves = [&revoked](const store::AuthorityRow& row) {
    return std::any_of(revoked.begin(), revoked.end(), [&row](const auto& one) { return one.id == row.id; });
  };
  // What was imported without its key was stolen elsewhere.
  if (ground.Find(stolen_id)->custody == kForeignCustody) return steps;
  steps.push_back(OtherKeysStep(*ground.Active(), leaves(*ground.Active())));
  for (const store::AuthorityRow* row : ground.InState(store::AuthorityState::kPrepared)) {
    if (leaves(*row)) continue;
    steps.push_back(absl::StrCat(
        Described(*row), " stays prepared; its key lay beside the stolen one: ", VerbCommand(Verb::kWithdraw, *row)));
  }
  for (const store::AuthorityRow* row : ground.InState(store::AuthorityState::kRetired)) {
    if (leaves(*row) || row->custody == kForeignCustody) continue;
    steps.push_back(absl::StrCat(
        Described(*row), " stays trusted; its key lay beside the stolen one: ", VerbCommand(Verb::kRevoke, *row)));
  }
  for (const store::AuthorityRequestRow& row : ground.requests) {
    if (!IsOpen(row)) continue;
    steps.push_back(absl::StrCat("the key of the request for ", x509::NameTextFromDer(row.subject_der),
                                 " lay beside the stolen one: signetctl authority withdraw ", ShortId(row.id)));
  }
  return steps;
}

}  // namespace

absl::StatusOr<Replacement> Rotation::ReplaceStolen(const StolenRequest& request, const audit::Origin& origin) {
  SIGNET_RETURN_IF_ERROR(CheckReason("reason", request.reason));
  SIGNET_ASSIGN_OR_RETURN(const std::string id, FindId(request.authority_id));
  const absl::Time now = parts_.clock.Now();
  Ground ground;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    return CheckStolen(ground, request, id);
  }));
  SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> tainted, Tainted(ground, id, now));
  const store::AuthorityRow* active = ground.Active();
  if (active == nullptr) return Illegal("there is no active authority for slurm", "signetctl authority list");
  Draft draft;
  const Taken taken = TakenBy(ground, tainted, now);
  draft.changed = taken.revoked;
  draft.changed.insert(draft.changed.end(), taken.marked.begin(), taken.marked.end());
  Replacement replacement;
  replacement.active_id = active->id;
  replacement.plan.bundle_generation = ground.newest.generation;
  for (const store::AuthorityRow& row : taken.revoked) replacement.revoked_ids.push_back(row.id);
  if (draft.changed.empty()) {
    replacement.plan.steps = {
        "it was declared stolen before, and nobody that is trusted vouches for it: signetctl rotation status names who "
        "may still believe the thief"};
    SIGNET_RETURN_IF_ERROR(parts_.authorities.Reload());
    return replacement;
  }

  std::string subject;
  if (tainted.count(active->id) != 0) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(active->certificate_der));
    SIGNET_ASSIGN_OR_RETURN(subject, NextSubject(certificate.subject(), ground.rows, ground.requests));
  }
  replacement.plan.bundle_generation = ground.newest.generation + (taken.revoked.empty() ? 0 : 1);
  replacement.plan.steps = StepsOf(ground, id, taken, subject, replacement.plan.bundle_generation);
  if (request.dry_run) return replacement;

  if (!subject.empty()) {
    SIGNET_ASSIGN_OR_RETURN(store::AuthorityRow root, MakeRoot(store::Purpose::kSlurm, subject, rules_.lifetime,
                                                               parts_.custody, parts_.random, now));
    root.state = store::AuthorityState::kActive;
    root.activated_at = now;
    replacement.active_id = root.id;
    draft.added = {std::move(root)};
  }
  std::vector<store::AuthorityRow> changed = draft.changed;
  changed.insert(changed.end(), draft.added.begin(), draft.added.end());
  SIGNET_ASSIGN_OR_RETURN(draft.bundle,
                          BundleOf(After(ground, changed), ground, cluster_, parts_.store, parts_.custody, now));
  if (!draft.bundle.has_value()) replacement.plan.bundle_generation = ground.newest.generation;
  draft.event.origin = origin;
  draft.event.action = "authority.emergency";
  draft.event.subject = id;
  draft.event.message = "an authority was declared stolen";
  draft.event.facts = {{"why", request.reason},
                       {"revoked", absl::StrJoin(replacement.revoked_ids, ",")},
                       {"active", replacement.active_id},
                       {"bundle_generation", absl::StrCat(replacement.plan.bundle_generation)}};
  for (const store::AuthorityRow& root : draft.added) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(root.certificate_der));
    draft.event.facts["certificate_subject"] = certificate.subject();
    draft.event.facts["serial"] = certificate.serial();
    draft.event.facts["tbs_sha256"] = absl::BytesToHexString(x509::Sha256(certificate.tbs_der()));
  }
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  SIGNET_RETURN_IF_ERROR(ReloadAfter(absl::StrCat("emergency for ", id)));
  return replacement;
}

}  // namespace signet::authority
