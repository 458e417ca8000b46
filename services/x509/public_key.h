// Public keys and what they verify.
#ifndef SIGNET_SERVICES_X509_PUBLIC_KEY_H_
#define SIGNET_SERVICES_X509_PUBLIC_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;

namespace signet::x509 {

enum class KeyType { kEcP256, kEcP384, kEcP521, kRsa, kRsaPss, kEd25519, kOther };

// Signature algorithms Signet makes or accepts (RFC 5758, RFC 8017). Everything else is refused while parsing.
enum class SignatureAlgorithm { kEcdsaSha256, kEcdsaSha384, kEcdsaSha512, kRsaSha256, kRsaSha384, kRsaSha512 };

// A SubjectPublicKeyInfo that OpenSSL has parsed and checked: on its curve, not at infinity. Explicit curve parameters
// are refused (RFC 5480 section 2.1.1). Immutable, cheap to copy, thread-safe.
class PublicKey {
 public:
  // INVALID_ARGUMENT / KEY_REFUSED when it is not a key of a known kind or has trailing bytes.
  static absl::StatusOr<PublicKey> FromSpkiDer(absl::string_view spki_der);
  // Takes over one reference of `key`. For keys/ and this folder.
  static absl::StatusOr<PublicKey> FromEvp(evp_pkey_st* key);

  // The SubjectPublicKeyInfo of a key, which stays the caller's. For keys/, whose EVP_PKEYs carry a private half.
  static absl::StatusOr<std::string> SpkiDerOf(evp_pkey_st* key);

  KeyType type() const { return type_; }
  // Modulus bits for RSA, curve bits for EC.
  int bits() const { return bits_; }
  const std::string& spki_der() const { return spki_der_; }
  // SHA-256 of spki_der(), 32 raw bytes.
  const std::string& spki_sha256() const { return spki_sha256_; }
  // First 16 bytes of spki_sha256(), lower-case hex: the key id used everywhere.
  std::string key_id() const;
  // RSA only: modulus and public exponent, big endian; empty for EC. For policy's weak-key checks.
  std::string rsa_modulus() const;
  std::string rsa_exponent() const;
  // OK when `signature` (DER for ECDSA) over `message` was made by this key; else UNAUTHENTICATED / EVIDENCE_INVALID.
  absl::Status Verify(SignatureAlgorithm algorithm, absl::string_view message, absl::string_view signature) const;
  evp_pkey_st* evp() const { return key_.get(); }

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.spki_der_ == b.spki_der_; }

 private:
  PublicKey() = default;
  static PublicKey Make(evp_pkey_st* key, KeyType type, int bits, std::string spki_der);
  std::shared_ptr<evp_pkey_st> key_;
  KeyType type_ = KeyType::kOther;
  int bits_ = 0;
  std::string spki_der_;
  std::string spki_sha256_;
};

// SHA-256 of `bytes`, 32 raw bytes.
std::string Sha256(absl::string_view bytes);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_PUBLIC_KEY_H_
