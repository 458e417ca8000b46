#include "services/authority/rotation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/authority/cross.h"
#include "services/authority/gate_words.h"
#include "services/authority/new_root.h"
#include "services/authority/next_subject.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"

namespace signet::authority {
namespace {

constexpr std::size_t kLeastIdDigits = 8;

struct Wish {
  std::string subject;
  absl::Duration lifetime;
};

// A subordinate authority's certificate, or one above it, may forbid that another authority follows it.
absl::Status CheckVouchesForRoots(const store::AuthorityRow& active) {
  SIGNET_ASSIGN_OR_RETURN(const Authority authority, Unopened(active));
  absl::Status may = CheckMayVouch(authority, 0);
  if (may.ok()) return may;
  return Illegal(absl::StrCat("authority ", Described(active), " cannot vouch for a root: ", may.message()),
                 "signetctl authority create --subordinate --subject 'CN=…', for the same root to sign; or, with an "
                 "outage, signetctl authority emergency");
}

absl::StatusOr<Wish> Judge(const Ground& ground, const PrepareRequest& request, const RotationRules& rules,
                           absl::Time now) {
  SIGNET_RETURN_IF_ERROR(CheckMayPrepare(ground));
  const store::AuthorityRow* active = ground.Active();
  Wish wish{request.subject, request.lifetime == absl::ZeroDuration() ? rules.lifetime : request.lifetime};
  const absl::Duration cross = CrossLifetime(rules.hold, rules.longest_leaf);
  SIGNET_RETURN_IF_ERROR(CheckRoomForCross(*active, cross, now));
  SIGNET_RETURN_IF_ERROR(CheckVouchesForRoots(*active));
  if (wish.lifetime < cross) {
    return Malformed(absl::StrCat("lifetime: is ", DurationText(wish.lifetime),
                                  "; the hold and two leaf lifetimes are ", DurationText(cross)));
  }
  if (wish.subject.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(active->certificate_der));
    SIGNET_ASSIGN_OR_RETURN(wish.subject, NextSubject(certificate.subject(), ground.rows, ground.requests));
  }
  SIGNET_RETURN_IF_ERROR(CheckSubjectIsFree(wish.subject, ground.rows, ground.requests));
  return wish;
}

audit::Event EventOf(const store::AuthorityRow& row, const x509::Certificate& certificate, uint64_t generation,
                     const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "authority.prepare";
  event.subject = row.id;
  event.message = "a new root is in the trust bundle from now on; it signs nothing until it is activated";
  event.facts = {{"certificate_subject", certificate.subject()},
                 {"not_after", TimeText(certificate.not_after())},
                 {"serial", certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(certificate.tbs_der()))},
                 {"bundle_generation", absl::StrCat(generation)}};
  return event;
}

}  // namespace

Rotation::Rotation(std::string cluster, const RotationRules& rules, const Parts& parts)
    : cluster_(std::move(cluster)), rules_(rules), parts_(parts) {}

absl::Status Rotation::Commit(const Draft& draft, const Ground& ground) const {
  return parts_.store.Write([&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckUnmoved(ground, tables));
    return StoreDraft(draft, parts_.audit, tables);
  });
}

absl::Status Rotation::ReloadAfter(absl::string_view done) const {
  absl::Status reloaded = parts_.authorities.Reload();
  if (reloaded.ok()) return reloaded;
  return base::Refusal(reloaded.code(), base::ReasonOf(reloaded),
                       absl::StrCat(done, " is done and stored, but the list of authorities could not be read again: ",
                                    reloaded.message()),
                       "signetctl authority list, then systemctl restart signetd");
}

absl::StatusOr<Changed> Rotation::Prepare(const PrepareRequest& request, const audit::Origin& origin) {
  const absl::Time now = parts_.clock.Now();
  Ground ground;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    return absl::OkStatus();
  }));
  SIGNET_ASSIGN_OR_RETURN(const Wish wish, Judge(ground, request, rules_, now));
  Changed changed;
  changed.plan.bundle_generation = ground.newest.generation + 1;
  changed.plan.steps = {
      absl::StrCat("make the root ", wish.subject, ", valid until ", TimeText(now + wish.lifetime)),
      absl::StrCat("put it into the trust bundle beside the others, as generation ", changed.plan.bundle_generation),
      "sign nothing under it until it is activated"};
  if (request.dry_run) {
    // A key of no use, for the rules of the template.
    SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
    SIGNET_RETURN_IF_ERROR(
        policy::RootTemplate(wish.subject, wish.lifetime, key.public_key(), parts_.random.Bytes(20), now).status());
    return changed;
  }

  SIGNET_ASSIGN_OR_RETURN(const store::AuthorityRow root, MakeRoot(store::Purpose::kSlurm, wish.subject, wish.lifetime,
                                                                   parts_.custody, parts_.random, now));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(root.certificate_der));
  Draft draft;
  draft.added = {root};
  SIGNET_ASSIGN_OR_RETURN(draft.bundle,
                          BundleOf(After(ground, {root}), ground, cluster_, parts_.store, parts_.custody, now));
  draft.event = EventOf(root, certificate, changed.plan.bundle_generation, origin);
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  changed.authority_id = root.id;
  changed.changed = true;
  SIGNET_RETURN_IF_ERROR(ReloadAfter(absl::StrCat("prepare of ", root.id)));
  return changed;
}

absl::StatusOr<std::string> Rotation::FindId(absl::string_view text, bool requests) const {
  const std::string digits = absl::AsciiStrToLower(text);
  if (digits.size() < kLeastIdDigits || !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         absl::StrCat("authority_id: must be at least ", kLeastIdDigits, " hexadecimal digits"),
                         "signetctl authority list");
  }
  std::vector<std::string> ids;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const Ground ground, Survey(tables));
    for (const store::AuthorityRow& row : ground.rows) ids.push_back(row.id);
    for (const store::AuthorityRequestRow& row : ground.requests) {
      if (requests) ids.push_back(row.id);
    }
    return absl::OkStatus();
  }));
  std::string found;
  for (const std::string& id : ids) {
    if (!absl::StartsWith(id, digits)) continue;
    if (!found.empty()) {
      return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                           "authority_id: begins more than one authority's id; give more digits",
                           "signetctl authority list");
    }
    found = id;
  }
  if (!found.empty()) return found;
  return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "there is no authority with this id",
                       "signetctl authority list");
}

}  // namespace signet::authority
