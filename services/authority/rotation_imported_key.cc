// A running CA that is taken over with its key.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/ca_certificate.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/rotation.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/rotation_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/private_key.h"

namespace signet::authority {
namespace {

constexpr char kField[] = "certificate_pem";

absl::StatusOr<keys::PrivateKey> ReadKey(const base::SecretBytes& pem, const x509::Certificate& certificate) {
  auto key = keys::PrivateKey::FromPem(pem);
  if (!key.ok()) {
    return base::Refusal(key.status().code(), base::ReasonOf(key.status()),
                         absl::StrCat("key_pem: ", key.status().message()), base::NextOf(key.status()));
  }
  if (key->public_key() == certificate.public_key()) return key;
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                       absl::StrCat("key_pem: is not the key of ", certificate.subject()),
                       "name the certificate and the key of one CA");
}

// The row of this very certificate, when it is in the list: then only its key may be missing.
absl::StatusOr<const store::AuthorityRow*> FindImported(const x509::Certificate& certificate, const Ground& ground) {
  const store::AuthorityRow* row = ground.Find(certificate.public_key().key_id());
  const bool there = row != nullptr && IsTrusted(row->state) && row->certificate_der == certificate.der();
  if (there && !IsImported(*row)) {
    return CaRefused(kField, absl::StrCat("authority ", Described(*row), " is this server's own"),
                     "signetctl authority list");
  }
  if (!there) SIGNET_RETURN_IF_ERROR(CheckBeside(kField, certificate, ground.rows));
  for (const store::AuthorityRow& other : ground.rows) {
    if (&other == row) {
      if (!there) return CaRefused(kField, absl::StrCat("authority ", Described(other), " has this key"));
      continue;
    }
    SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> keys, KeysOf(other));
    if (keys.count(certificate.public_key().spki_der()) == 0) continue;
    return CaRefused(kField,
                     absl::StrCat("it stands above authority ", Described(other), ": its key belongs where it is"));
  }
  return there ? row : nullptr;
}

store::AuthorityRow RowOf(const x509::Certificate& certificate, absl::Time now) {
  store::AuthorityRow row;
  row.id = certificate.public_key().key_id();
  row.purpose = store::Purpose::kSlurm;
  row.state = store::AuthorityState::kRetired;
  row.certificate_der = certificate.der();
  row.spki_der = certificate.public_key().spki_der();
  row.created_at = now;
  row.retired_at = now;
  return row;
}

// Who vouches for the active one already; null when nobody does.
absl::StatusOr<const store::AuthorityRow*> FindVoucherOfActive(const Ground& ground, absl::Time now) {
  std::vector<Authority> authorities;
  for (const store::AuthorityRow& row : ground.rows) {
    SIGNET_ASSIGN_OR_RETURN(Authority authority, Unopened(row));
    authorities.push_back(std::move(authority));
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(*ground.Active()));
  const Authority* voucher = FindVoucherOf(anchor, authorities, ground.crosses, now);
  return voucher == nullptr ? nullptr : ground.Find(voucher->id);
}

// OpenSSL follows one candidate of a name: a second cross certificate for one anchor would hide the first.
absl::Status CheckLine(const store::AuthorityRow* voucher, const store::AuthorityRow& active) {
  if (voucher == nullptr) return absl::OkStatus();
  const bool retired = voucher->state == store::AuthorityState::kRetired;
  return Illegal(absl::StrCat(Described(*voucher), " vouches for ", Described(active),
                              " already, and verifiers follow one cross certificate only: finish that rotation first"),
                 retired ? VerbCommand(Verb::kRevoke, *voucher) : "signetctl rotation status");
}

absl::Status CheckVouches(const Authority& imported, const Authority& active) {
  absl::Status may = NeedsCross(imported, active) ? CheckMayVouch(imported, active.intermediates.size())
                                                  : absl::FailedPreconditionError("it is the active one's root");
  if (may.ok()) return may;
  return Illegal(absl::StrCat(kField, ": it cannot vouch for the active authority: ", may.message()),
                 "import it without its key: signetctl authority import FILE");
}

std::vector<std::string> StepsOf(const store::AuthorityRow& row, const Ground& ground, const Draft& draft) {
  std::vector<std::string> steps;
  const auto add = [&steps](const auto&... words) { steps.push_back(absl::StrCat(words...)); };
  add(Described(row), " is in the list with its key, sealed, as RETIRED: it signs no leaves here");
  if (draft.bundle.has_value()) {
    add("put it into the trust bundle beside the others, as generation ", draft.bundle->generation);
  } else {
    add("it is in the trust bundle already, which stays at generation ", ground.newest.generation);
  }
  if (draft.cross.has_value()) {
    add("it vouches for ", NameOf(*ground.Active()), " by a cross certificate until ", TimeText(draft.cross->not_after),
        ", which every new leaf carries: who trusts it alone accepts our certificates from their next renewal on");
  }
  add("whoever else holds a copy of its key can make certificates that Slurm accepts, until it is revoked");
  return steps;
}

audit::Event EventOf(const x509::Certificate& certificate, const Draft& draft, uint64_t generation,
                     const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "authority.import";
  event.subject = certificate.public_key().key_id();
  event.message = "a running CA is here with its key";
  event.facts = {{"certificate_subject", certificate.subject()},
                 {"not_after", TimeText(certificate.not_after())},
                 {"serial", certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(certificate.tbs_der()))},
                 {"bundle_generation", absl::StrCat(generation)}};
  if (draft.cross.has_value()) AddCross(*draft.cross, event);
  return event;
}

}  // namespace

absl::StatusOr<Imported> Rotation::ImportWithKey(const KeyImport& request, const audit::Origin& origin) {
  const absl::Time now = parts_.clock.Now();
  const auto certificate = x509::Certificate::FromPem(request.certificate_pem);
  if (!certificate.ok()) return CaRefused(kField, certificate.status().message(), "name a file with one certificate");
  SIGNET_RETURN_IF_ERROR(CheckRootCertificate(kField, *certificate, now));
  if (certificate->subject_key_id().empty()) {
    return CaRefused(kField, "it has no subjectKeyIdentifier, which what it signs has to name",
                     "import it without its key: signetctl authority import FILE");
  }
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, ReadKey(request.key_pem, *certificate));
  Ground ground;
  SIGNET_RETURN_IF_ERROR(parts_.authorities.Reload());
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables));
    return absl::OkStatus();
  }));
  if (ground.Active() == nullptr) {
    return Illegal("there is no active authority for slurm", "signetctl authority list");
  }
  SIGNET_ASSIGN_OR_RETURN(const store::AuthorityRow* const there, FindImported(*certificate, ground));
  store::AuthorityRow row = there == nullptr ? RowOf(*certificate, now) : *there;
  SIGNET_ASSIGN_OR_RETURN(const store::AuthorityRow* const voucher, FindVoucherOfActive(ground, now));
  const bool has_key = there != nullptr && there->custody != kForeignCustody;
  SIGNET_ASSIGN_OR_RETURN(Authority issuer, Unopened(row));
  if (has_key && voucher != nullptr) {
    return Imported{std::move(issuer),
                    {{absl::StrCat(Described(row), " is here with its key already")}, {}, ground.newest.generation},
                    false};
  }
  SIGNET_RETURN_IF_ERROR(CheckLine(voucher, *ground.Active()));

  SIGNET_ASSIGN_OR_RETURN(const auto active, parts_.authorities.Find(ground.Active()->id));
  SIGNET_RETURN_IF_ERROR(CheckVouches(issuer, *active));
  issuer.signer = std::make_shared<const keys::PrivateKey>(key);
  if (!request.dry_run && !has_key) {
    SIGNET_ASSIGN_OR_RETURN(const keys::CustodyKey sealed, parts_.custody.Adopt(CustodyLabel(row.purpose), key));
    row.custody = sealed.custody;
    row.handle = sealed.handle;
    // What cannot be opened again is not stored.
    SIGNET_ASSIGN_OR_RETURN(issuer.signer, parts_.custody.Open(CustodyLabel(row.purpose), sealed));
  }
  Draft draft;
  (there == nullptr ? draft.added : draft.changed) = {row};
  const absl::Duration lifetime =
      CrossLifetimeWithin(issuer, *active, CrossLifetime(rules_.hold, rules_.longest_leaf), now);
  SIGNET_ASSIGN_OR_RETURN(draft.cross, MakeCross(issuer, *active, lifetime, parts_.random.Bytes(20), now));
  SIGNET_ASSIGN_OR_RETURN(draft.bundle,
                          BundleOf(After(ground, {row}), ground, cluster_, parts_.store, parts_.custody, now));
  const uint64_t generation = draft.bundle.has_value() ? draft.bundle->generation : ground.newest.generation;
  Imported imported{std::move(issuer), {StepsOf(row, ground, draft), {}, generation}, false};
  if (request.dry_run) return imported;
  draft.event = EventOf(*certificate, draft, generation, origin);
  SIGNET_RETURN_IF_ERROR(Commit(draft, ground));
  SIGNET_RETURN_IF_ERROR(ReloadAfter(absl::StrCat("import of ", row.id)));
  SIGNET_ASSIGN_OR_RETURN(const auto listed, parts_.authorities.Find(row.id));
  imported.authority = *listed;
  imported.changed = true;
  return imported;
}

}  // namespace signet::authority
