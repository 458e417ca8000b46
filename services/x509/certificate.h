// X.509 v3 certificates, RFC 5280: reading them.
#ifndef SIGNET_SERVICES_X509_CERTIFICATE_H_
#define SIGNET_SERVICES_X509_CERTIFICATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/public_key.h"

struct x509_st;

namespace signet::x509 {

struct CertificateFields;

// A parsed certificate. Immutable, cheap to copy, thread-safe.
class Certificate {
 public:
  // INVALID_ARGUMENT / MALFORMED on bytes that are not exactly one certificate.
  static absl::StatusOr<Certificate> FromDer(absl::string_view der);
  static absl::StatusOr<Certificate> FromPem(absl::string_view pem);
  // One or more, in the order of the file.
  static absl::StatusOr<std::vector<Certificate>> ListFromPem(absl::string_view pem, std::size_t limit = 64);

  const std::string& der() const { return der_; }
  std::string pem() const;
  // The exact TBSCertificate bytes.
  const std::string& tbs_der() const;
  // Lower-case hex without leading zero bytes.
  std::string serial() const;
  // RFC 4514 text, for people.
  std::string subject() const;
  std::string issuer() const;
  const std::string& subject_der() const;
  const std::string& issuer_der() const;
  // The one common name; empty when there is none or more than one.
  std::string common_name() const;
  absl::Time not_before() const;
  absl::Time not_after() const;
  const PublicKey& public_key() const { return public_key_; }
  const std::vector<std::string>& dns_names() const;
  const std::vector<std::string>& uris() const;
  // Raw bytes; empty when absent.
  const std::string& subject_key_id() const;
  const std::string& authority_key_id() const;
  bool is_ca() const;
  // From RFC 5280 section 4.2.1.3 and 4.2.1.12.
  bool allows_digital_signature() const;
  bool allows_certificate_signing() const;
  bool allows_list_signing() const;
  // Dotted OIDs of extendedKeyUsage; empty when the extension is absent.
  const std::vector<std::string>& extended_key_usages() const;
  bool self_signed() const;
  // OK when `issuer`'s key signed this, by an algorithm of x509::SignatureAlgorithm, and the names match.
  absl::Status VerifySignedBy(const Certificate& issuer) const;
  // Everything that was read.
  const CertificateFields& fields() const { return *fields_; }
  // The same bytes as OpenSSL reads them, for whom wants a second opinion: parsed anew at each call, which is slow.
  // Null when OpenSSL refuses them.
  std::shared_ptr<x509_st> ParseWithOpenssl() const;

 private:
  Certificate(PublicKey public_key, std::string der, std::shared_ptr<const CertificateFields> fields)
      : der_(std::move(der)), public_key_(std::move(public_key)), fields_(std::move(fields)) {}
  std::string der_;
  PublicKey public_key_;
  std::shared_ptr<const CertificateFields> fields_;
};

// Verifies `leaf` up to one of `anchors` (RFC 5280 section 6) for TLS in both directions, with `intermediates` at hand,
// at `now`. Every CA certificate among `anchors` is one, self-signed or not, as s2n has it. At most 7 intermediates; no
// key under 112 bits; an extension that must not be passed over refuses, name constraints among them, since nothing
// here reads those. FAILED_PRECONDITION names what is wrong ("expired on …", "no anchor for issuer …").
absl::Status VerifyChain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                         const std::vector<Certificate>& anchors, absl::Time now);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_CERTIFICATE_H_
