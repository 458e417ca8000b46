#include "services/authority/import.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/custody_label.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"
#include "services/x509/tls_use.h"

namespace signet::authority {
namespace {

// What one snapshot says about the bundle to come.
struct Ground {
  store::BundleRow newest;
  std::vector<store::AuthorityRow> rows;
  bool known = false;  // the certificate is an anchor already
};

absl::Status Refused(absl::string_view what, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("certificate_pem: ", what),
                       next);
}

std::string Date(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

// Loads in s2n without harm; anything else would be refused by every daemon, or crash it.
bool S2nTakes(const x509::PublicKey& key) {
  switch (key.type()) {
    case x509::KeyType::kEcP256:
    case x509::KeyType::kEcP384:
    case x509::KeyType::kEcP521:
      return true;
    case x509::KeyType::kRsa:
      return key.bits() >= 2048 && key.bits() <= 4096;
    default:
      return false;
  }
}

absl::Status CheckAnchor(const x509::Certificate& certificate, absl::Time now) {
  // s2n reads the file with OpenSSL, and crashes on what that refuses.
  if (certificate.ParseWithOpenssl() == nullptr) return Refused("OpenSSL, by which Slurm reads it, cannot parse it");
  if (!S2nTakes(certificate.public_key())) {
    return Refused("its key is none that s2n takes: P-256, P-384, P-521, or RSA of 2048 to 4096 bits");
  }
  // RFC 5280 section 4.2.1.9: without basicConstraints, as in X.509 version 1, nothing says that it is a CA.
  if (!certificate.is_ca()) return Refused("it is not a CA certificate: basicConstraints with CA:TRUE is missing");
  // RFC 5280 section 4.2.1.3: an absent keyUsage, as `openssl req -x509` leaves it, forbids nothing.
  if (!certificate.allows_certificate_signing()) return Refused("its keyUsage lacks keyCertSign");
  if (const absl::Status use = x509::CheckTlsUse(certificate); !use.ok()) return Refused(use.message());
  if (absl::Status self = certificate.VerifySignedBy(certificate); !self.ok()) {
    return Refused(
        absl::StrCat("only a self-signed root can be an anchor, and SHA-1 and MD5 do not count: ", self.message()),
        "name the root's own file");
  }
  if (now < certificate.not_before())
    return Refused(absl::StrCat("it begins only at ", Date(certificate.not_before())));
  if (now >= certificate.not_after()) {
    return Refused(absl::StrCat("it expired at ", Date(certificate.not_after()),
                                "; nothing that it signed is accepted any more, so that it need not be an anchor"));
  }
  return absl::OkStatus();
}

// `other` is the anchor of an authority in the list, in whatever state.
absl::Status CheckBeside(const x509::Certificate& certificate, const store::AuthorityRow& row,
                         const x509::Certificate& other) {
  const bool same_key = other.public_key() == certificate.public_key();
  if (same_key && row.purpose == store::Purpose::kControl) {
    return Refused("it is Signet's own control authority, whose certificates must never pass for Slurm's");
  }
  const bool trusted = IsTrusted(row.state);
  // Of a subordinate authority too: its root would bring it back.
  if (same_key && !trusted) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("authority ", row.id, " was taken out of the bundle, and does not come back"),
                         "signetctl authority list");
  }
  if (same_key && other.der() != certificate.der()) {
    return Refused(absl::StrCat("authority ", row.id, " has this key under another certificate"),
                   "signetctl authority list");
  }
  // Certificates of the documented scripts name their issuer by subject alone: two anchors with one subject, and
  // OpenSSL may try the wrong key.
  if (!same_key && trusted && other.subject_der() == certificate.subject_der()) {
    return Refused(absl::StrCat("authority ", row.id, " has the same subject, ", other.subject(),
                                ", and another key: verifiers could not tell them apart"),
                   "signetctl authority list");
  }
  return absl::OkStatus();
}

absl::StatusOr<Ground> Survey(const store::Tables& tables, const x509::Certificate& certificate) {
  Ground ground;
  SIGNET_ASSIGN_OR_RETURN(ground.newest, tables.bundles().Newest());
  SIGNET_ASSIGN_OR_RETURN(ground.rows, tables.authorities().List());
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(ground.rows, absl::InfinitePast()));
  ground.known = std::any_of(anchors.begin(), anchors.end(),
                             [&certificate](const auto& anchor) { return anchor.der() == certificate.der(); });
  if (ground.known) return ground;
  for (const store::AuthorityRow& row : ground.rows) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate other, AnchorOf(row));
    SIGNET_RETURN_IF_ERROR(CheckBeside(certificate, row, other));
  }
  return ground;
}

store::AuthorityRow RowOf(const x509::Certificate& certificate, absl::Time now) {
  store::AuthorityRow row;
  row.id = certificate.public_key().key_id();
  row.purpose = store::Purpose::kSlurm;
  row.state = store::AuthorityState::kRetired;
  row.certificate_der = certificate.der();
  row.custody = kForeignCustody;
  row.spki_der = certificate.public_key().spki_der();
  row.created_at = now;
  row.retired_at = now;
  return row;
}

audit::Event EventOf(const x509::Certificate& certificate, uint64_t generation, const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "authority.import";
  event.subject = certificate.public_key().key_id();
  event.message = "a foreign root is an anchor from now on; its key is not here";
  event.facts = {{"certificate_subject", certificate.subject()},
                 {"not_after", Date(certificate.not_after())},
                 {"serial", certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(certificate.tbs_der()))},
                 {"bundle_generation", absl::StrCat(generation)}};
  return event;
}

}  // namespace

absl::StatusOr<ImportedAnchor> ImportAnchor(absl::string_view cluster, absl::string_view certificate_pem, bool dry_run,
                                      store::Store& store, keys::Custody& custody, Authorities& authorities,
                                      const audit::AuditLog& audit, base::Clock& clock, const audit::Origin& origin) {
  const absl::Time now = clock.Now();
  auto certificate = x509::Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return Refused(certificate.status().message(), "name a file with one certificate, PEM");
  SIGNET_RETURN_IF_ERROR(CheckAnchor(*certificate, now));
  Ground ground;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables, *certificate));
    return absl::OkStatus();
  }));
  ImportedAnchor imported{certificate->public_key().key_id(), ground.newest.generation, false};
  if (ground.known) return imported;

  SIGNET_ASSIGN_OR_RETURN(const auto bundle_key, OpenKey(store, custody, kBundlePurpose));
  const store::AuthorityRow row = RowOf(*certificate, now);
  ground.rows.push_back(row);
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(ground.rows, now));
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, NextBundle(cluster, ground.newest, anchors, *bundle_key, now));
  if (dry_run) return imported;
  // Signed before the transaction, which holds up every other writer: so what was surveyed must still stand.
  const auto write = [&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const Ground current, Survey(tables, *certificate));
    if (current.known || current.newest.signed_bundle != ground.newest.signed_bundle) {
      return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                           "the trust bundle changed meanwhile; nothing was imported", "repeat the command");
    }
    SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(row));
    SIGNET_RETURN_IF_ERROR(tables.bundles().Insert(bundle));
    return audit.Append(tables, EventOf(*certificate, bundle.generation, origin));
  };
  SIGNET_RETURN_IF_ERROR(store.Write(write));
  imported.bundle_generation = bundle.generation;
  imported.changed = true;
  SIGNET_RETURN_IF_ERROR(authorities.Reload());
  return imported;
}

}  // namespace signet::authority
