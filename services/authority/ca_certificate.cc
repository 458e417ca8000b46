#include "services/authority/ca_certificate.h"

#include "absl/strings/str_cat.h"
#include "services/authority/gate_words.h"
#include "services/authority/rotation_ground.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/tls_use.h"

namespace signet::authority {
namespace {

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

// Certificates of the documented scripts name their issuer by subject alone: two anchors with one subject, and OpenSSL
// may try the wrong key.
bool HasName(const x509::Certificate& root, const x509::Certificate& other) {
  return other.subject_der() == root.subject_der() && !(other.public_key() == root.public_key());
}

absl::Status SameName(absl::string_view field, const store::AuthorityRow& row, const x509::Certificate& other) {
  return CaRefused(field,
                   absl::StrCat("authority ", row.id, " has the same subject, ", other.subject(),
                                ", and another key: verifiers could not tell them apart"),
                   "signetctl authority list");
}

absl::Status TakenOut(const x509::Certificate& certificate, const store::AuthorityRow& row) {
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kConfiguration,
      absl::StrCat("authority ", row.id, " was taken out of the bundle, and does not come back: the key of ",
                   certificate.subject(), " is its own or one above it"),
      "signetctl authority list");
}

// `other` is the anchor of an authority in the list, in whatever state.
absl::Status CheckBesideOne(absl::string_view field, const x509::Certificate& root, const store::AuthorityRow& row,
                            const x509::Certificate& other) {
  const bool same_key = other.public_key() == root.public_key();
  const bool trusted = IsTrusted(row.state);
  // Of a subordinate authority too: its root would bring it back.
  if (same_key && !trusted) return TakenOut(root, row);
  if (same_key && other.der() != root.der()) {
    return CaRefused(field, absl::StrCat("authority ", row.id, " has this key under another certificate"),
                     "signetctl authority list");
  }
  if (trusted && HasName(root, other)) return SameName(field, row, other);
  return absl::OkStatus();
}

}  // namespace

absl::Status CaRefused(absl::string_view field, absl::string_view what, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat(field, ": ", what), next);
}

absl::Status CheckCaCertificate(absl::string_view field, const x509::Certificate& certificate, absl::Time now) {
  const auto refused = [field](absl::string_view what) { return CaRefused(field, what); };
  // s2n reads the file with OpenSSL, and crashes on what that refuses.
  if (certificate.ParseWithOpenssl() == nullptr) return refused("OpenSSL, by which Slurm reads it, cannot parse it");
  if (!S2nTakes(certificate.public_key())) {
    return refused("its key is none that s2n takes: P-256, P-384, P-521, or RSA of 2048 to 4096 bits");
  }
  // RFC 5280 section 4.2.1.9: without basicConstraints, as in X.509 version 1, nothing says that it is a CA.
  if (!certificate.is_ca()) return refused("it is not a CA certificate: basicConstraints with CA:TRUE is missing");
  // RFC 5280 section 4.2.1.3: an absent keyUsage, as `openssl req -x509` leaves it, forbids nothing.
  if (!certificate.allows_certificate_signing()) return refused("its keyUsage lacks keyCertSign");
  if (const absl::Status use = x509::CheckTlsUse(certificate); !use.ok()) return refused(use.message());
  if (now < certificate.not_before()) {
    return refused(absl::StrCat("it begins only at ", TimeText(certificate.not_before())));
  }
  if (now >= certificate.not_after()) {
    return refused(absl::StrCat("it expired at ", TimeText(certificate.not_after()),
                                "; nothing that it signed is accepted any more, so that it need not be an anchor"));
  }
  return absl::OkStatus();
}

absl::Status CheckRootCertificate(absl::string_view field, const x509::Certificate& certificate, absl::Time now) {
  SIGNET_RETURN_IF_ERROR(CheckCaCertificate(field, certificate, now));
  const absl::Status self = certificate.VerifySignedBy(certificate);
  if (self.ok()) return absl::OkStatus();
  return CaRefused(
      field, absl::StrCat("only a self-signed root can be an anchor, and SHA-1 and MD5 do not count: ", self.message()),
      "name the root's own file");
}

absl::StatusOr<std::set<std::string>> KeysOf(const store::AuthorityRow& row) {
  SIGNET_ASSIGN_OR_RETURN(const Authority authority, Unopened(row));
  std::set<std::string> keys = {authority.certificate.public_key().spki_der(),
                                authority.anchor.public_key().spki_der()};
  for (const x509::Certificate& one : authority.intermediates) keys.insert(one.public_key().spki_der());
  return keys;
}

absl::Status CheckMayComeBack(absl::string_view field, const x509::Certificate& certificate,
                              const std::vector<store::AuthorityRow>& rows) {
  const store::AuthorityRow* former = nullptr;
  bool accepted = false;
  for (const store::AuthorityRow& row : rows) {
    SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> keys, KeysOf(row));
    if (keys.count(certificate.public_key().spki_der()) == 0) continue;
    if (row.purpose == store::Purpose::kControl) {
      return CaRefused(field, absl::StrCat(certificate.subject(),
                                           " has the key of Signet's own control authority, whose certificates must "
                                           "never pass for Slurm's"));
    }
    if (IsTrusted(row.state)) {
      accepted = true;
    } else {
      former = &row;
    }
  }
  return former == nullptr || accepted ? absl::OkStatus() : TakenOut(certificate, *former);
}

absl::Status CheckBeside(absl::string_view field, const x509::Certificate& root,
                         const std::vector<store::AuthorityRow>& rows) {
  SIGNET_RETURN_IF_ERROR(CheckMayComeBack(field, root, rows));
  for (const store::AuthorityRow& row : rows) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate other, AnchorOf(row));
    SIGNET_RETURN_IF_ERROR(CheckBesideOne(field, root, row, other));
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate own, x509::Certificate::FromDer(row.certificate_der));
    if (IsTrusted(row.state) && HasName(root, own)) return SameName(field, row, own);
  }
  return absl::OkStatus();
}

}  // namespace signet::authority
