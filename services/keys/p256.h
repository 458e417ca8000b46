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

// The PKCS#8 DER (RFC 5958, RFC 5915) of a P-256 key as OpenSSL writes it: one fixed shape around a 32-byte scalar and
// the SPKI's uncompressed point. OpenSSL 3.0 reads and writes this through its chain of decoders, at a millisecond a
// key.
base::SecretBytes EncodeP256Pkcs8(const base::SecretBytes& scalar, absl::string_view spki_der);
// The key in that shape; NOT_FOUND for any other, which OpenSSL may still read. KEY_REFUSED when its two halves do not
// belong together.
absl::StatusOr<KeyPtr> P256FromPkcs8(absl::string_view der);

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_P256_H_
