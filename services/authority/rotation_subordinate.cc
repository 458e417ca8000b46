// Authorities below a root that lies elsewhere: the request, and the chain that answers it.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/ca_certificate.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/next_subject.h"
#include "services/authority/rotation.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/authority/subordinate_chain.h"
#include "services/authority/trust_bundle.h"
#include "services/base/status_macros.h"
#include "services/keys/request_signing.h"
#include "services/x509/name.h"

namespace signet::authority {
namespace {

constexpr char kField[] = "chain_pem";
constexpr std::size_t kMostRequests = 4;

std::vector<const store::AuthorityRequestRow*> OpenRequests(const Ground& ground) {
  std::vector<const store::AuthorityRequestRow*> open;
  for (const store::AuthorityRequestRow& row : ground.requests) {
    if (IsOpen(row)) open.push_back(&row);
  }
  return open;
}

std::string CreateCommand(absl::string_view subject) {
  return absl::StrCat("signetctl authority create --subordinate --subject '", subject, "' --out FILE.csr");
}

// A new key in custody, and the PKCS#10 that it signs.
absl::StatusOr<store::AuthorityRequestRow> MakeRequest(const std::string& subject_der, keys::Custody& custody,
                                                       const std::string& actor, absl::Time now) {
  const absl::string_view label = CustodyLabel(store::Purpose::kSlurm);
  SIGNET_ASSIGN_OR_RETURN(const keys::CustodyKey key, custody.Create(label));
  SIGNET_ASSIGN_OR_RETURN(const auto signer, custody.Open(label, key));
  store::AuthorityRequestRow row;
  SIGNET_ASSIGN_OR_RETURN(row.csr_pem, keys::SignAuthorityRequestPem(*signer, subject_der));
  row.id = signer->public_key().key_id();
  row.subject_der = subject_der;
  row.custody = key.custody;
  row.handle = key.handle;
  row.spki_der = key.spki_der;
  row.created_by = actor;
  row.created_at = now;
  return row;
}

store::AuthorityRow RowOf(const std::vector<x509::Certificate>& chain, absl::Time now) {
  store::AuthorityRow row;
  row.id = chain.front().public_key().key_id();
  row.purpose = store::Purpose::kSlurm;
  row.state = store::AuthorityState::kPrepared;
  row.certificate_der = chain.front().der();
  row.spki_der = chain.front().public_key().spki_der();
  row.created_at = now;
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) row.intermediates_pem += chain[i].pem();
  row.anchor_der = chain.back().der();
  return row;
}

// The one that the chain was made for, whose key is here.
absl::StatusOr<const store::AuthorityRequestRow*> FindAnswered(const Ground& ground, const x509::Certificate& own) {
  const store::AuthorityRequestRow* request = ground.FindRequest(own.public_key().key_id());
  if (request == nullptr || request->spki_der != own.public_key().spki_der()) {
    return Illegal(absl::StrCat(kField, ": the first certificate, ", own.subject(),
                                ", has the key of no request: it must be the one that was made for a request of this "
                                "server"),
                   CreateCommand("CN=…"));
  }
  if (IsOpen(*request)) return request;
  return Illegal(absl::StrCat(kField, ": the request for ", own.subject(), " was withdrawn at ",
                              TimeText(request->withdrawn_at), ", and its key is wiped"),
                 CreateCommand(own.subject()));
}

bool IsTrustedAnchor(const x509::Certificate& root, const Ground& ground) {
  return std::any_of(ground.rows.begin(), ground.rows.end(), [&root](const store::AuthorityRow& row) {
    const auto anchor = AnchorOf(row);
    return row.purpose == store::Purpose::kSlurm && IsTrusted(row.state) && anchor.ok() && anchor->der() == root.der();
  });
}

// OpenSSL takes the first certificate of the right name: no two keys may bear one.
absl::Status CheckNamesAreFree(const std::vector<x509::Certificate>& chain, const Ground& ground) {
  std::vector<store::AuthorityRequestRow> others;
  for (const store::AuthorityRequestRow& row : ground.requests) {
    if (row.spki_der != chain.front().public_key().spki_der()) others.push_back(row);
  }
  // The root may have given it a name that we would not have asked for: then the bytes below have to do.
  const std::string subject = chain.front().subject();
  if (x509::NameDerFromText(subject).ok()) {
    SIGNET_RETURN_IF_ERROR(CheckSubjectIsFree(subject, ground.rows, others));
  }
  for (const store::AuthorityRow& row : ground.rows) {
    SIGNET_ASSIGN_OR_RETURN(const Authority other, Unopened(row));
    std::vector<x509::Certificate> theirs = other.intermediates;
    theirs.push_back(other.certificate);
    theirs.push_back(other.anchor);
    for (const x509::Certificate& one : chain) {
      for (const x509::Certificate& their : theirs) {
        if (their.subject_der() != one.subject_der() || their.public_key() == one.public_key()) continue;
        return CaRefused(kField,
                         absl::StrCat(one.subject(), ": ", Described(row),
                                      " has this name under another key, itself or above it: verifiers could not tell "
                                      "them apart"),
                         "signetctl authority list");
      }
    }
  }
  return absl::OkStatus();
}

// What stands between `subject` and its activation. `vouched`: whether the active one will sign a cross certificate.
absl::Status JudgeNext(const Authority& subject, const std::vector<x509::Certificate>& chain, const Ground& ground,
                       absl::Duration cross, absl::Time now, bool& vouched) {
  SIGNET_RETURN_IF_ERROR(CheckMayPrepare(ground));
  SIGNET_RETURN_IF_ERROR(CheckNamesAreFree(chain, ground));
  for (std::size_t i = 1; i < chain.size(); ++i) {
    SIGNET_RETURN_IF_ERROR(CheckMayComeBack(kField, chain[i], ground.rows));
  }
  if (!IsTrustedAnchor(chain.back(), ground)) SIGNET_RETURN_IF_ERROR(CheckBeside(kField, chain.back(), ground.rows));
  SIGNET_ASSIGN_OR_RETURN(const Authority active, Unopened(*ground.Active()));
  vouched = NeedsCross(active, subject);
  if (!vouched) return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(CheckRoomForCross(*ground.Active(), cross, now));
  absl::Status may = CheckMayVouch(active, subject.intermediates.size());
  if (may.ok()) return may;
  return Illegal(absl::StrCat("authority ", Described(*ground.Active()), " could not vouch for ",
                              chain.back().subject(), " at the activation: ", may.message()),
                 "have the chain signed below the active authority's own root, or with fewer intermediate ones");
}

std::vector<std::string> StepsOf(const Authority& subject, const store::AuthorityRow& row,
                                 const store::AuthorityRequestRow& request, const Ground& ground,
                                 const std::optional<store::BundleRow>& bundle, bool vouched) {
  const std::string root = subject.anchor.subject();
  std::vector<std::string> steps = {
      absl::StrCat(Described(row), " is prepared, below ", root, ", and signs nothing until it is activated")};
  const auto add = [&steps](const auto&... words) { steps.push_back(absl::StrCat(words...)); };
  if (request.subject_der != subject.certificate.subject_der()) {
    add("it was asked for as ", x509::NameTextFromDer(request.subject_der), ", and is called ",
        subject.certificate.subject());
  }
  if (bundle.has_value()) {
    add("put ", root, " into the trust bundle beside the others, as generation ", bundle->generation);
  } else {
    add(root, " is in the trust bundle already, which stays at generation ", ground.newest.generation);
  }
  if (vouched) {
    add("at the activation ", NameOf(*ground.Active()), " vouches for ", root, " by a cross certificate");
  } else {
    add("no cross certificate is needed: ", NameOf(*ground.Active()), " hangs below the same root");
  }
  if (const absl::Status may = CheckMayVouch(subject, 0); !may.ok()) {
    add("it will not be able to vouch for a root that follows it (", may.message(),
        "): what follows it has to hang below ", root,
        " too, by signetctl authority create --subordinate; or have it signed again without pathlen");
  }
  if (!subject.certificate.allows_list_signing()) add("its keyUsage lacks cRLSign: it signs no revocation list");
  return steps;
}

audit::Event EventOf(const Authority& subject, uint64_t generation, const std::vector<std::string>& steps,
                     const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "authority.import";
  event.subject = subject.id;
  event.message = steps.front();
  event.facts = {{"certificate_subject", subject.certificate.subject()},
                 {"not_after", TimeText(subject.certificate.not_after())},
                 {"serial", subject.certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(subject.certificate.tbs_der()))},
                 {"anchor", subject.anchor.subject()},
                 {"anchor_sha256", absl::BytesToHexString(x509::Sha256(subject.anchor.der()))},
                 {"bundle_generation", absl::StrCat(generation)}};
  return event;
}

}  // namespace

absl::StatusOr<Requested> Rotation::RequestSubordinate(const SubordinateRequest& request, const audit::Origin& origin) {
  const absl::Time now = parts_.clock.Now();
  const auto subject_der = x509::NameDerFromText(request.subject);
  if (!subject_der.ok()) return Malformed(absl::StrCat("subject: ", subject_der.status().message()));
  const std::string subject = x509::NameTextFromDer(*subject_der);
  Ground ground;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    return absl::OkStatus();
  }));
  Requested requested;
  requested.plan.bundle_generation = ground.newest.generation;
  const auto open = OpenRequests(ground);
  for (const store::AuthorityRequestRow* row : open) {
    if (row->subject_der != *subject_der) continue;
    requested.request = *row;
    requested.plan.steps = {absl::StrCat(subject, " was asked for at ", TimeText(row->created_at), " already")};
    return requested;
  }
  SIGNET_RETURN_IF_ERROR(CheckSubjectIsFree(request.subject, ground.rows, ground.requests));
  if (open.size() >= kMostRequests) {
    return Illegal(absl::StrCat(open.size(), " requests are open already"),
                   absl::StrCat("signetctl authority withdraw ", ShortId(open.front()->id)));
  }
  requested.plan.steps = {absl::StrCat("make a key for ", subject, ", kept in the store, sealed"),
                          "make a certificate request with it, for who holds the root to sign",
                          "trust and sign nothing until the chain that answers it is imported"};
  if (request.dry_run) return requested;

  Draft draft;
  SIGNET_ASSIGN_OR_RETURN(draft.requested, MakeRequest(*subject_der, parts_.custody, origin.actor, now));
  draft.event.origin = origin;
  draft.event.action = "authority.request";
  draft.event.subject = draft.requested->id;
  draft.event.message = "a subordinate authority is asked for; its key is here";
  draft.event.facts = {{"certificate_subject", subject},
                       {"spki_sha256", absl::BytesToHexString(x509::Sha256(draft.requested->spki_der))}};
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  requested.request = *draft.requested;
  requested.changed = true;
  return requested;
}

absl::StatusOr<Imported> Rotation::ImportSubordinate(const ChainImport& request, const audit::Origin& origin) {
  const absl::Time now = parts_.clock.Now();
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, ReadChain(request.chain_pem));
  Ground ground;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    return absl::OkStatus();
  }));
  store::AuthorityRow row = RowOf(chain, now);
  if (const store::AuthorityRow* there = ground.Find(row.id); there != nullptr) {
    if (there->intermediates_pem != row.intermediates_pem || there->anchor_der != row.anchor_der) {
      return CaRefused(kField, absl::StrCat("authority ", Described(*there), " has this key under another chain"),
                       "signetctl authority list");
    }
    SIGNET_ASSIGN_OR_RETURN(Authority stands, Unopened(*there));
    return Imported{
        std::move(stands),
        {{absl::StrCat(Described(*there), " is ", StateName(there->state), " already")}, {}, ground.newest.generation},
        false};
  }
  SIGNET_ASSIGN_OR_RETURN(const store::AuthorityRequestRow* const answered, FindAnswered(ground, chain.front()));
  row.custody = answered->custody;
  row.handle = answered->handle;
  const absl::Duration cross = CrossLifetime(rules_.hold, rules_.longest_leaf);
  SIGNET_RETURN_IF_ERROR(CheckChain(chain, now + cross, now));
  SIGNET_ASSIGN_OR_RETURN(Authority subject, Unopened(row));
  bool vouched = true;
  SIGNET_RETURN_IF_ERROR(JudgeNext(subject, chain, ground, cross, now, vouched));
  // A list of authorities with a key that does not open would not be read again.
  SIGNET_ASSIGN_OR_RETURN(subject.signer,
                          parts_.custody.Open(CustodyLabel(row.purpose), {row.custody, row.handle, row.spki_der}));

  Draft draft;
  draft.added = {row};
  draft.answered_request = row.id;
  SIGNET_ASSIGN_OR_RETURN(draft.bundle,
                          BundleOf(After(ground, {row}), ground, cluster_, parts_.store, parts_.custody, now));
  const uint64_t generation = draft.bundle.has_value() ? draft.bundle->generation : ground.newest.generation;
  Imported imported{subject, {StepsOf(subject, row, *answered, ground, draft.bundle, vouched), {}, generation}, false};
  if (request.dry_run) return imported;
  draft.event = EventOf(subject, generation, imported.plan.steps, origin);
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  SIGNET_RETURN_IF_ERROR(ReloadAfter(absl::StrCat("import of ", row.id)));
  SIGNET_ASSIGN_OR_RETURN(const auto listed, parts_.authorities.Find(row.id));
  imported.authority = *listed;
  imported.changed = true;
  return imported;
}

}  // namespace signet::authority
