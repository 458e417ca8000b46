// Known-weak shapes of RSA keys.
#ifndef SIGNET_SERVICES_POLICY_RSA_KEY_H_
#define SIGNET_SERVICES_POLICY_RSA_KEY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::policy {

inline constexpr int kRsaLeastBits = 3072;
inline constexpr int kRsaMostBits = 4096;

// Modulus and exponent, big endian. INVALID_ARGUMENT / KEY_REFUSED for a size outside the bounds above, an exponent
// that is even, below 65537 or over 2^256 (FIPS 186-5 section 5.4), and a modulus that anybody can factor: even, with a
// prime factor below 2^15, a product of two close primes (Fermat's method, 100 rounds), or of the shape of
// CVE-2017-15361 (ROCA).
absl::Status CheckRsaKey(absl::string_view modulus, absl::string_view exponent);

}  // namespace signet::policy

#endif  // SIGNET_SERVICES_POLICY_RSA_KEY_H_
