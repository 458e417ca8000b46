// PKCS#10 certification requests, RFC 2986.
#ifndef SIGNET_SERVICES_X509_CERTIFICATE_REQUEST_H_
#define SIGNET_SERVICES_X509_CERTIFICATE_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/x509/public_key.h"

namespace signet::x509 {

// Carries one OCTET STRING with a SignedStatement.
inline constexpr char kStatementOid[] = "2.25.323623283605972227655471381676579325475";

// A CSR that is well formed, whose self-signature holds, and that asks for nothing but a name and a key. Immutable.
//
// Parsing refuses, naming the field (INVALID_ARGUMENT; reason MALFORMED, CSR_REFUSED or KEY_REFUSED): more than 64 KiB;
// more than one PEM block or text around it; trailing bytes; a version other than 0; a subject that is anything but
// exactly one CN of 1–64 characters in PrintableString or UTF8String, without NUL or control characters; attributes
// other than the statement and extensionRequest, or one of them twice; an extensionRequest with anything but one
// subjectAltName; a signature algorithm outside SignatureAlgorithm or that disagrees with the key; a bad signature.
class CertificateRequest {
 public:
  static absl::StatusOr<CertificateRequest> FromPem(absl::string_view pem);
  static absl::StatusOr<CertificateRequest> FromDer(absl::string_view der);

  const std::string& common_name() const { return common_name_; }
  // The requested dNSNames. Any other kind of name was refused while parsing.
  const std::vector<std::string>& dns_names() const { return dns_names_; }
  const PublicKey& public_key() const { return public_key_; }
  // The bytes of the statement attribute; nullopt when absent.
  const std::optional<std::string>& statement() const { return statement_; }

 private:
  explicit CertificateRequest(PublicKey public_key) : public_key_(std::move(public_key)) {}
  std::string common_name_;
  std::vector<std::string> dns_names_;
  PublicKey public_key_;
  std::optional<std::string> statement_;
};

// The CertificationRequestInfo (RFC 2986 section 4.1) to sign: CN = common_name, the key, and the statement when it is
// not empty.
std::string EncodeRequestInfo(absl::string_view common_name, const PublicKey& key, absl::string_view statement);
// The same of a CA to be: a whole Name, and an extensionRequest (RFC 2985 section 5.4.2) for basicConstraints CA:TRUE
// without pathlen and keyUsage keyCertSign and cRLSign, both critical.
std::string EncodeAuthorityRequestInfo(absl::string_view subject_der, const PublicKey& key);
// Wraps the signed info into a CertificationRequest.
std::string AssembleRequest(absl::string_view info_der, SignatureAlgorithm algorithm, absl::string_view signature);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_CERTIFICATE_REQUEST_H_
