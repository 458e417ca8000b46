// Keys sealed under a key-encryption key (KEK).
#ifndef SIGNET_SERVICES_KEYS_SEALED_SEALED_CUSTODY_H_
#define SIGNET_SERVICES_KEYS_SEALED_SEALED_CUSTODY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/random.h"
#include "services/base/secret_bytes.h"
#include "services/keys/custody.h"

namespace signet::keys::sealed {

// The handle is version byte 1, 12 random nonce bytes, ciphertext of the PKCS#8 key and 16 tag bytes (AES-256-GCM, NIST
// SP 800-38D); the label and the SPKI are authenticated with it, so that a row of the store cannot be moved under
// another name.
class SealedCustody final : public Custody {
 public:
  // `kek` is 32 bytes. `random` must outlive this.
  static absl::StatusOr<std::unique_ptr<SealedCustody>> Create(base::SecretBytes kek, base::Random& random);
  absl::StatusOr<CustodyKey> Create(absl::string_view label) override;
  absl::StatusOr<CustodyKey> Adopt(absl::string_view label, const PrivateKey& key) override;
  absl::StatusOr<std::shared_ptr<const Signer>> Open(absl::string_view label, const CustodyKey& key) override;

 private:
  SealedCustody(base::SecretBytes kek, base::Random& random) : kek_(std::move(kek)), random_(random) {}
  base::SecretBytes kek_;
  base::Random& random_;
};

// Reads the KEK file: "signet-kek1." and 64 hex digits on one line, 0400 or 0440 (files::ReadSecret's rules).
absl::StatusOr<base::SecretBytes> ReadKek(const std::string& path);
// Makes a new KEK file (0400), never over an existing one.
absl::Status CreateKek(const std::string& path, base::Random& random);

}  // namespace signet::keys::sealed

#endif  // SIGNET_SERVICES_KEYS_SEALED_SEALED_CUSTODY_H_
