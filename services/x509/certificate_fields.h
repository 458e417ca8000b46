// What stands in a certificate's bytes (RFC 5280 section 4.1), read with this folder's own DER reader. Internal to
// x509/.
#ifndef SIGNET_SERVICES_X509_CERTIFICATE_FIELDS_H_
#define SIGNET_SERVICES_X509_CERTIFICATE_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::x509 {

// Bits of keyUsage (RFC 5280 section 4.2.1.3), the first one highest.
inline constexpr std::uint8_t kDigitalSignatureBit = 0x80;
inline constexpr std::uint8_t kKeyCertSignBit = 0x04;
inline constexpr std::uint8_t kCrlSignBit = 0x02;

// Copies, so that they outlive the bytes.
struct CertificateFields {
  int version = 1;
  std::string serial;  // the INTEGER's contents
  std::string issuer_der;
  std::string subject_der;
  absl::Time not_before;
  absl::Time not_after;
  std::string spki_der;
  std::string signature_algorithm_der;  // the same inside and outside of the TBSCertificate
  std::string signature;
  std::string tbs_der;

  // basicConstraints; false and nullopt when absent.
  bool is_ca = false;
  std::optional<std::int64_t> path_length;
  // keyUsage's first eight bits; nullopt when absent: every use is allowed.
  std::optional<std::uint8_t> key_usage;
  std::vector<std::string> extended_key_usages;  // dotted; empty when absent
  std::string subject_key_id;
  std::string authority_key_id;
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  // Dotted OID of an extension that nobody may pass over and that is not read here: a critical one, a key identifier's
  // among them, or nameConstraints.
  std::string unknown_critical;
};

// Exactly one certificate. INVALID_ARGUMENT / MALFORMED, "certificate: …".
absl::StatusOr<CertificateFields> ReadCertificateFields(absl::string_view der);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_CERTIFICATE_FIELDS_H_
