// A private key in this process's memory.
#ifndef SIGNET_SERVICES_KEYS_PRIVATE_KEY_H_
#define SIGNET_SERVICES_KEYS_PRIVATE_KEY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/keys/signer.h"
#include "services/x509/public_key.h"

struct evp_pkey_st;

namespace signet::keys {

// Made, read or derived; signs; written only as PEM or scalar into SecretBytes. Immutable, cheap to copy (shared),
// thread-safe.
class PrivateKey final : public Signer {
 public:
  // kEcP256 or kEcP384 (and kRsa of 3072 bits, for services).
  static absl::StatusOr<PrivateKey> Generate(x509::KeyType type);
  // SEC1, PKCS#8 or PKCS#1 PEM, unencrypted: EC P-256, P-384, P-521, RSA of 2048 to 4096 bits. INVALID_ARGUMENT /
  // KEY_REFUSED otherwise; the message never quotes the input.
  static absl::StatusOr<PrivateKey> FromPem(const base::SecretBytes& pem);
  // A P-256 key from its 32-byte scalar in [1, n-1].
  static absl::StatusOr<PrivateKey> FromP256Scalar(const base::SecretBytes& scalar);
  // A P-256 key from a shared secret: HKDF-SHA-256(salt, info) → 48 bytes mod (n - 1) + 1 (docs/formats.md). The caller
  // judges entropy.
  static absl::StatusOr<PrivateKey> DeriveP256(const base::SecretBytes& secret, absl::string_view salt,
                                               absl::string_view info);

  // PKCS#8 PEM ("PRIVATE KEY"), which s2n reads.
  absl::StatusOr<base::SecretBytes> ToPem() const;
  // 32 bytes, P-256 only.
  absl::StatusOr<base::SecretBytes> ToP256Scalar() const;
  // PKCS#8 DER, for sealing.
  absl::StatusOr<base::SecretBytes> ToPkcs8Der() const;
  static absl::StatusOr<PrivateKey> FromPkcs8Der(const base::SecretBytes& der);

  const x509::PublicKey& public_key() const override { return public_key_; }
  absl::StatusOr<std::string> Sign(x509::SignatureAlgorithm algorithm, absl::string_view message) const override;
  evp_pkey_st* evp() const { return key_.get(); }

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, x509::PublicKey public_key);
  static absl::StatusOr<PrivateKey> FromEvp(std::shared_ptr<evp_pkey_st> evp);
  // As FromEvp, for a key from outside: proves that the two halves belong together.
  static absl::StatusOr<PrivateKey> FromParsedEvp(std::shared_ptr<evp_pkey_st> evp);
  std::shared_ptr<evp_pkey_st> key_;
  x509::PublicKey public_key_;
};

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_PRIVATE_KEY_H_
