#include "services/authority/new_root.h"

#include "services/authority/custody_label.h"
#include "services/base/status_macros.h"
#include "services/policy/profile.h"
#include "services/x509/certificate_template.h"

namespace signet::authority {

absl::StatusOr<store::AuthorityRow> MakeRoot(store::Purpose purpose, absl::string_view subject, absl::Duration lifetime,
                                             keys::Custody& custody, base::Random& random, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const keys::CustodyKey key, custody.Create(CustodyLabel(purpose)));
  SIGNET_ASSIGN_OR_RETURN(const auto signer, custody.Open(CustodyLabel(purpose), key));
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateTemplate root,
                          policy::RootTemplate(subject, lifetime, signer->public_key(), random.Bytes(20), now));
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(signer->public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string tbs, x509::EncodeTbs(root, algorithm));
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, signer->Sign(algorithm, tbs));
  store::AuthorityRow row;
  row.certificate_der = x509::AssembleCertificate(tbs, algorithm, signature);
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(row.certificate_der));
  SIGNET_RETURN_IF_ERROR(policy::LintRoot(certificate));
  row.id = signer->public_key().key_id();
  row.purpose = purpose;
  row.state = store::AuthorityState::kPrepared;
  row.custody = key.custody;
  row.handle = key.handle;
  row.spki_der = key.spki_der;
  row.created_at = now;
  return row;
}

}  // namespace signet::authority
