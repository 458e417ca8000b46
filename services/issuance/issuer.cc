#include "services/issuance/issuer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate_template.h"

namespace signet::issuance {
namespace {

absl::Status Internal(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInternal, base::kInternal, message);
}

// What a record says must be what the bytes to be signed say: listings, revocation and the key check of enrollment rely
// on it.
absl::Status CheckEncoded(const x509::Certificate& certificate, const store::CertificateRow& row,
                          const Approval& approval) {
  if (certificate.tbs_der() != row.tbs_der || certificate.serial() != row.serial ||
      !(certificate.public_key() == approval.key) || certificate.common_name() != approval.names.common_name ||
      certificate.dns_names() != approval.names.dns_names || certificate.uris() != approval.names.uris) {
    return Internal("the encoded certificate differs from what was approved");
  }
  return absl::OkStatus();
}

absl::Status NotWorthHaving(absl::string_view why) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed,
                       absl::StrCat("the stored certificate is no longer worth having: ", why));
}

// Whether an authority in this state signs certificates of this profile. A probe asks who trusts it, before and after
// it is the active one.
bool Signs(store::AuthorityState state, store::Profile profile) {
  if (state == store::AuthorityState::kActive) return true;
  return profile == store::Profile::kProbe && authority::IsTrusted(state);
}

// What the chain carries after the leaf. A probe's has no cross certificate, by which whoever trusts another authority
// only would accept it too.
std::vector<x509::Certificate> Above(const authority::Authority& authority, store::Profile profile, absl::Time now) {
  std::vector<x509::Certificate> above =
      profile == store::Profile::kProbe ? authority.intermediates : authority.chain_above;
  // The list of authorities was read some time ago. Each certificate is there for the one below it, so that none has a
  // use once that has ended.
  const auto ended =
      std::find_if(above.begin(), above.end(), [now](const auto& one) { return now >= one.not_after(); });
  above.erase(ended, above.end());
  return above;
}

absl::StatusOr<Issued> Released(const x509::Certificate& certificate, const authority::Authority& authority,
                                const store::CertificateRow& row, absl::Time now) {
  // Nothing leaves that its own authority's certificate does not verify: a key fault, a bit flip or a row that was
  // changed in the store.
  if (certificate.tbs_der() != row.tbs_der) return Internal("the certificate's bytes are not those recorded");
  SIGNET_RETURN_IF_ERROR(certificate.VerifySignedBy(authority.certificate));
  return Issued{row.serial, ChainPem(certificate, authority, row.profile, now), certificate.not_after()};
}

// Signs exactly the recorded bytes. ECDSA is randomised, so that a second signature differs; the certificate is known
// by its TBS.
absl::StatusOr<x509::Certificate> SignRecorded(const authority::Authority& authority,
                                               const store::CertificateRow& row) {
  if (authority.signer == nullptr) return NotWorthHaving("its authority no longer signs");
  if (x509::Sha256(row.tbs_der) != row.tbs_sha256) return Internal("the recorded bytes do not have the recorded hash");
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(authority.certificate.public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, authority.signer->Sign(algorithm, row.tbs_der));
  return x509::Certificate::FromDer(x509::AssembleCertificate(row.tbs_der, algorithm, signature));
}

void StoreIssued(store::Store& store, const x509::Certificate& certificate, const store::CertificateRow& row) {
  store.WriteLater([serial = row.serial, der = certificate.der()](store::Tables& tables) {
    return tables.certificates().SetIssued(serial, der);
  });
}

}  // namespace

std::string ChainPem(const x509::Certificate& leaf, const authority::Authority& authority, store::Profile profile,
                     absl::Time now) {
  std::string chain = leaf.pem();
  for (const x509::Certificate& above : Above(authority, profile, now)) chain += above.pem();
  return chain;
}

absl::StatusOr<std::unique_ptr<Issuer>> Issuer::Create(authority::Authorities& authorities, store::Store& store,
                                                       base::Clock& clock, base::Random& random,
                                                       telemetry::Logger& logger) {
  SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey lint_key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  return std::unique_ptr<Issuer>(new Issuer(authorities, store, clock, random, logger, std::move(lint_key)));
}

Issuer::Issuer(authority::Authorities& authorities, store::Store& store, base::Clock& clock, base::Random& random,
               telemetry::Logger& logger, keys::PrivateKey lint_key)
    : authorities_(authorities),
      store_(store),
      clock_(clock),
      random_(random),
      logger_(logger),
      lint_key_(std::move(lint_key)) {}

absl::StatusOr<std::shared_ptr<const authority::Authority>> Issuer::SignerOf(const Approval& approval) const {
  if (approval.authority_id.empty()) return authorities_.Active(approval.purpose);
  SIGNET_ASSIGN_OR_RETURN(auto authority, authorities_.Find(approval.authority_id));
  if (authority->purpose == approval.purpose && authority->signer != nullptr &&
      Signs(authority->state, approval.profile_id)) {
    return authority;
  }
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("authority ", authority->id, " signs no certificate of profile ",
                                    approval.profile.name, " in its state and with the keys that are here"),
                       "signetctl authority list");
}

absl::StatusOr<Prepared> Issuer::Prepare(const Approval& approval) const {
  SIGNET_ASSIGN_OR_RETURN(auto authority, SignerOf(approval));
  for (const auto& other : authorities_.List()) {
    if (other->certificate.public_key() == approval.key) {
      return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                           "the key is an authority's own; make a new key");
    }
  }
  const absl::Time now = clock_.Now();
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateTemplate leaf,
                          policy::LeafTemplate(approval.profile, approval.names, approval.key, authority->certificate,
                                               random_.Bytes(20), now));
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(authority->certificate.public_key());
  store::CertificateRow row;
  SIGNET_ASSIGN_OR_RETURN(row.tbs_der, x509::EncodeTbs(leaf, algorithm));
  row.serial = absl::BytesToHexString(leaf.serial);
  row.authority_id = authority->id;
  row.profile = approval.profile_id;
  row.subject = approval.names.common_name;
  row.daemon = approval.daemon;
  row.tbs_sha256 = x509::Sha256(row.tbs_der);
  row.spki_sha256 = approval.key.spki_sha256();
  row.identity_key_id = approval.identity_key_id;
  row.seq = approval.seq;
  row.not_before = leaf.not_before;
  row.not_after = leaf.not_after;
  row.recorded_at = now;

  // Linted as it would be released, but for a signature that nobody trusts: a fault is found before the authority's key
  // has spoken.
  SIGNET_ASSIGN_OR_RETURN(const std::string signature,
                          lint_key_.Sign(x509::SignatureAlgorithm::kEcdsaSha256, row.tbs_der));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate,
                          x509::Certificate::FromDer(x509::AssembleCertificate(row.tbs_der, algorithm, signature)));
  absl::Status sound = CheckEncoded(certificate, row, approval);
  if (sound.ok()) sound = policy::LintLeaf(approval.profile, certificate, authority->certificate);
  if (!sound.ok()) {
    logger_.Error("lint", {{"serial", row.serial}, {"subject", row.subject}, {"fault", std::string(sound.message())}});
    return sound;
  }
  return Prepared(std::move(row));
}

absl::Status Issuer::Record(store::Tables& tables, const Prepared& prepared) const {
  // Gates count what is recorded in the transaction that opens them: nothing may be recorded behind their back.
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
  const bool signs = std::any_of(rows.begin(), rows.end(), [&prepared](const store::AuthorityRow& row) {
    return row.id == prepared.row_.authority_id && Signs(row.state, prepared.row_.profile);
  });
  if (signs) return tables.certificates().Insert(prepared.row_);
  return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                       "the authority was rotated meanwhile; nothing was signed", "repeat the request");
}

absl::Status Issuer::WithRetry(absl::FunctionRef<absl::Status()> attempt) const {
  absl::Status done = attempt();
  if (!absl::IsAborted(done)) return done;
  // Whoever rotated reads the list again too, but perhaps only after the second attempt.
  SIGNET_RETURN_IF_ERROR(authorities_.Reload());
  return attempt();
}

// What is handed out after a revocation works until it ends, since Slurm reads no list: the list of authorities in
// memory may be a moment old, and the record was made before.
absl::Status Issuer::CheckStands(const store::CertificateRow& row) const {
  return store_.Read([&row](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const store::CertificateRow recorded, tables.certificates().Find(row.serial));
    if (recorded.state == store::CertificateState::kRevoked) return NotWorthHaving("it was revoked meanwhile");
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> authorities, tables.authorities().List());
    const bool trusted = std::any_of(authorities.begin(), authorities.end(), [&row](const store::AuthorityRow& one) {
      return one.id == row.authority_id && authority::IsTrusted(one.state);
    });
    return trusted ? absl::OkStatus() : NotWorthHaving("its authority was revoked meanwhile");
  });
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the ticket is used up
absl::StatusOr<Issued> Issuer::Release(Prepared prepared) const {
  // RETIRED meanwhile is no harm: the record was there before, and counts at the gates.
  const auto authority = authorities_.Find(prepared.row_.authority_id);
  if (!authority.ok() || !authority::IsTrusted((*authority)->state)) {
    return NotWorthHaving("its authority was revoked meanwhile");
  }
  SIGNET_RETURN_IF_ERROR(CheckStands(prepared.row_));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, SignRecorded(**authority, prepared.row_));
  SIGNET_ASSIGN_OR_RETURN(Issued issued, Released(certificate, **authority, prepared.row_, clock_.Now()));
  StoreIssued(store_, certificate, prepared.row_);
  return issued;
}

absl::StatusOr<Issued> Issuer::Repeat(const store::CertificateRow& row) const {
  const auto authority = authorities_.Find(row.authority_id);
  if (!authority.ok()) return NotWorthHaving("its authority is not listed");
  const store::AuthorityState state = (*authority)->state;
  if (state != store::AuthorityState::kActive && state != store::AuthorityState::kRetired) {
    return NotWorthHaving("its authority is neither active nor retired");
  }
  if (row.state == store::CertificateState::kRevoked) return NotWorthHaving("it is revoked");
  // As before a signature: another process on this store may have revoked it, or its authority, since both were read.
  SIGNET_RETURN_IF_ERROR(CheckStands(row));
  if (row.not_after - clock_.Now() < (row.not_after - row.not_before) / 4) {
    return NotWorthHaving("under a quarter of its life is left");
  }
  if (!row.der.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate stored, x509::Certificate::FromDer(row.der));
    return Released(stored, **authority, row, clock_.Now());
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, SignRecorded(**authority, row));
  SIGNET_ASSIGN_OR_RETURN(Issued issued, Released(certificate, **authority, row, clock_.Now()));
  StoreIssued(store_, certificate, row);
  return issued;
}

}  // namespace signet::issuance
