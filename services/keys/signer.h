// Something that signs bytes with a key nobody can take from it.
#ifndef SIGNET_SERVICES_KEYS_SIGNER_H_
#define SIGNET_SERVICES_KEYS_SIGNER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/x509/public_key.h"

namespace signet::keys {

// Thread-safe. UNAVAILABLE when the key cannot be reached now (an HSM that is away).
class Signer {
 public:
  virtual ~Signer() = default;
  virtual const x509::PublicKey& public_key() const = 0;
  // The signature over `message` (hashed by the algorithm); ECDSA in DER.
  virtual absl::StatusOr<std::string> Sign(x509::SignatureAlgorithm algorithm, absl::string_view message) const = 0;
};

// The algorithm an issuer with this key signs certificates with: ECDSA with the hash of the curve's size, or RSA with
// SHA-256.
x509::SignatureAlgorithm DefaultAlgorithm(const x509::PublicKey& key);

// Signs `prefix` (one of the domains in docs/formats.md, its final NUL included) followed by `bytes`, ECDSA with
// SHA-256.
absl::StatusOr<std::string> SignInDomain(const Signer& signer, absl::string_view domain, absl::string_view bytes);
absl::Status VerifyInDomain(const x509::PublicKey& key, absl::string_view domain, absl::string_view bytes,
                            absl::string_view signature);

// Without the NUL that SignInDomain and VerifyInDomain add.
inline constexpr char kStatementDomain[] = "signet/statement/v1";
inline constexpr char kBundleDomain[] = "signet/bundle/v1";
inline constexpr char kReportDomain[] = "signet/report/v1";
inline constexpr char kCheckpointDomain[] = "signet/checkpoint/v1";

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_SIGNER_H_
