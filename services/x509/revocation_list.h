// Certificate revocation lists, RFC 5280 section 5: building the bytes to be signed.
#ifndef SIGNET_SERVICES_X509_REVOCATION_LIST_H_
#define SIGNET_SERVICES_X509_REVOCATION_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/public_key.h"

namespace signet::x509 {

// Section 5.1.2.6 and 5.3.1.
struct RevokedCertificate {
  std::string serial;     // lower-case hex, as Certificate::serial writes it
  absl::Time revoked_at;  // written in whole seconds
  int reason = 0;         // CRLReason; 0, unspecified, is not written
};

// A version 2 list.
struct RevocationListTemplate {
  std::string issuer_der;        // Name
  std::string authority_key_id;  // raw; section 5.2.1, keyIdentifier only
  uint64_t number = 0;           // section 5.2.3
  absl::Time this_update;
  absl::Time next_update;
  std::vector<RevokedCertificate> revoked;  // in any order; absent from the bytes when empty
};

// The DER of the TBSCertList that an issuer using `algorithm` signs. INVALID_ARGUMENT when a field is missing or out of
// range, or a serial stands there twice.
absl::StatusOr<std::string> EncodeRevocationList(const RevocationListTemplate& list, SignatureAlgorithm algorithm);

// The list: SEQUENCE { tbs, algorithm, signature }.
std::string AssembleRevocationList(absl::string_view tbs_der, SignatureAlgorithm algorithm,
                                   absl::string_view signature);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_REVOCATION_LIST_H_
