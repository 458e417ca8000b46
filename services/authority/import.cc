#include "services/authority/import.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/custody_label.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/x509/certificate.h"
#include "services/x509/tls_use.h"

namespace signet::authority {
namespace {

// What one snapshot says about the bundle to come.
struct Ground {
  store::BundleRow newest;
  std::vector<x509::Certificate> anchors;  // still valid, oldest first
  bool known = false;                      // the certificate is an anchor already
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

// `other` is in the list already, in whatever state.
absl::Status CheckBeside(const x509::Certificate& certificate, const store::AuthorityRow& row,
                         const x509::Certificate& other) {
  const bool same_key = row.id == certificate.public_key().key_id();
  if (same_key && row.purpose == store::Purpose::kControl) {
    return Refused("it is Signet's own control authority, whose certificates must never pass for Slurm's");
  }
  const bool trusted = row.state <= store::AuthorityState::kRetired;
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

absl::StatusOr<Ground> Survey(const store::Tables& tables, const x509::Certificate& certificate, absl::Time now) {
  Ground ground;
  SIGNET_ASSIGN_OR_RETURN(ground.newest, tables.bundles().Newest());
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
  for (const store::AuthorityRow& row : rows) {
    SIGNET_ASSIGN_OR_RETURN(x509::Certificate other, x509::Certificate::FromDer(row.certificate_der));
    SIGNET_RETURN_IF_ERROR(CheckBeside(certificate, row, other));
    ground.known |= row.id == certificate.public_key().key_id();
    const bool trusted = row.purpose == store::Purpose::kSlurm && row.state <= store::AuthorityState::kRetired;
    // Nothing is verified by an expired anchor: one that ended since the last generation is left out.
    if (trusted && now < other.not_after()) ground.anchors.push_back(std::move(other));
  }
  return ground;
}

absl::StatusOr<store::BundleRow> NextBundle(absl::string_view cluster, const Ground& ground,
                                            const x509::Certificate& certificate, const keys::Signer& bundle_key,
                                            absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle previous,
                          bundle::Verify(ground.newest.signed_bundle, bundle_key.public_key().spki_sha256(), cluster));
  bundle::Bundle next;
  next.cluster = previous.cluster;
  next.generation = previous.generation + 1;
  SIGNET_ASSIGN_OR_RETURN(next.previous_sha256, bundle::BundleSha256(ground.newest.signed_bundle));
  std::vector<x509::Certificate> anchors = ground.anchors;
  anchors.push_back(certificate);
  SIGNET_ASSIGN_OR_RETURN(next.ca_cert_pem, bundle::RenderCaFile(anchors));
  next.created_at = now;
  next.next_bundle_key = previous.next_bundle_key;
  store::BundleRow row;
  SIGNET_ASSIGN_OR_RETURN(row.signed_bundle, bundle::Sign(next, bundle_key));
  row.generation = next.generation;
  row.created_at = now;
  return row;
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

absl::StatusOr<Imported> ImportAnchor(absl::string_view cluster, absl::string_view certificate_pem, bool dry_run,
                                      store::Store& store, keys::Custody& custody, Authorities& authorities,
                                      const audit::AuditLog& audit, base::Clock& clock, const audit::Origin& origin) {
  const absl::Time now = clock.Now();
  auto certificate = x509::Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return Refused(certificate.status().message(), "name a file with one certificate, PEM");
  SIGNET_RETURN_IF_ERROR(CheckAnchor(*certificate, now));
  Ground ground;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables, *certificate, now));
    return absl::OkStatus();
  }));
  Imported imported{certificate->public_key().key_id(), ground.newest.generation, false};
  if (ground.known) return imported;

  SIGNET_ASSIGN_OR_RETURN(const auto bundle_key, OpenKey(store, custody, kBundlePurpose));
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, NextBundle(cluster, ground, *certificate, *bundle_key, now));
  if (dry_run) return imported;
  // Signed before the transaction, which holds up every other writer: so what was surveyed must still stand.
  const auto write = [&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const Ground current, Survey(tables, *certificate, now));
    if (current.known || current.newest.signed_bundle != ground.newest.signed_bundle) {
      return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                           "the trust bundle changed meanwhile; nothing was imported", "repeat the command");
    }
    SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(RowOf(*certificate, now)));
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
