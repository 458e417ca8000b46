// P-256 keys from numbers: the arithmetic behind PrivateKey::FromP256Scalar and DeriveP256.
#ifndef SIGNET_SERVICES_KEYS_P256_H_
#define SIGNET_SERVICES_KEYS_P256_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/keys/openssl.h"

namespace signet::keys {

inline constexpr std::size_t kP256ScalarBytes = 32;

// The key pair of a big-endian scalar. INVALID_ARGUMENT / KEY_REFUSED unless it has 32 bytes and lies in [1, n-1].
absl::StatusOr<KeyPtr> P256FromScalar(const base::SecretBytes& scalar);

// HKDF-SHA-256 (RFC 5869) to 48 bytes, mod (n - 1) + 1: a scalar whose bias is below 2^-128 (FIPS 186-5 section A.2.1).
absl::StatusOr<base::SecretBytes> DeriveP256Scalar(const base::SecretBytes& secret, absl::string_view salt,
                                                   absl::string_view info);

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_P256_H_
