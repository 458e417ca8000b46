// X.509 v3 certificates, RFC 5280: building the bytes to be signed.
#ifndef SIGNET_SERVICES_X509_CERTIFICATE_TEMPLATE_H_
#define SIGNET_SERVICES_X509_CERTIFICATE_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/public_key.h"

namespace signet::x509 {

// Everything a certificate says. Filled by policy from a profile, never from a CSR's wishes.
struct CertificateTemplate {
  std::string serial;       // raw bytes, big endian, positive, at most 20 (RFC 5280 section 4.1.2.2)
  std::string issuer_der;   // Name
  std::string subject_der;  // Name
  absl::Time not_before;    // whole seconds
  absl::Time not_after;
  std::string spki_der;
  std::vector<std::string> dns_names;  // SAN dNSName
  std::vector<std::string> uris;       // SAN uniformResourceIdentifier
  bool is_ca = false;                  // basicConstraints critical; no pathlen on a CA: see docs/decisions
  bool digital_signature = false;
  bool certificate_signing = false;  // with cRLSign
  bool server_auth = false;
  bool client_auth = false;
  std::string subject_key_id;    // raw; required
  std::string authority_key_id;  // raw; empty for a self-signed root. Only keyIdentifier is written: s2n refuses issuer
                                 // and serial
};

// The DER of the TBSCertificate that an issuer using `algorithm` signs. INVALID_ARGUMENT when a field is missing or out
// of range.
absl::StatusOr<std::string> EncodeTbs(const CertificateTemplate& certificate, SignatureAlgorithm algorithm);

// The certificate: SEQUENCE { tbs, algorithm, signature }.
std::string AssembleCertificate(absl::string_view tbs_der, SignatureAlgorithm algorithm, absl::string_view signature);

// SHA-1 of the key's BIT STRING content (RFC 5280 section 4.2.1.2 method 1), 20 raw bytes: what SKI and AKI hold.
std::string KeyIdentifier(const PublicKey& key);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_CERTIFICATE_TEMPLATE_H_
