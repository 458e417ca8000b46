#include "services/keys/private_key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <utility>

#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/openssl.h"
#include "services/keys/p256.h"
#include "services/x509/pem.h"

namespace signet::keys {
namespace {

constexpr std::size_t kMaxKeyBytes = 64 * 1024;
constexpr int kGeneratedRsaBits = 3072;

absl::Status KeyRefused(absl::string_view message, absl::string_view next = "") {
  ERR_clear_error();  // what OpenSSL thinks of a secret's bytes goes nowhere
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused, message, next);
}

// Refuses instead of asking the terminal, which is what OpenSSL does without a callback.
int NoPassphrase(char*, int, int, void*) { return -1; }

// A buffer from OpenSSL with a secret in it.
struct OpensslSecret {
  unsigned char* data = nullptr;
  long size = 0;
  ~OpensslSecret() { OPENSSL_secure_clear_free(data, static_cast<std::size_t>(size)); }
};

absl::StatusOr<KeyPtr> ParsePkcs8(const unsigned char* der, long size) {
  auto usual = P256FromPkcs8(absl::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  if (!absl::IsNotFound(usual.status())) return usual;
  const unsigned char* end = der;
  const Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &end, size));
  if (info == nullptr || end != der + size) return KeyRefused("private key: not one PKCS#8 key");
  KeyPtr key(EVP_PKCS82PKEY(info.get()));
  if (key == nullptr) return KeyRefused("private key: its PKCS#8 content is damaged or of an unknown kind");
  return key;
}

absl::StatusOr<KeyPtr> ParseTraditional(int type, const unsigned char* der, long size) {
  const unsigned char* end = der;
  KeyPtr key(d2i_PrivateKey(type, nullptr, &end, size));
  if (key == nullptr || end != der + size) return KeyRefused("private key: its content is damaged");
  return key;
}

absl::StatusOr<KeyPtr> ParsePem(absl::string_view pem) {
  const BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (input == nullptr) return OpensslFailed("read a PEM");
  OpensslSecret der;
  char* label = nullptr;
  if (PEM_bytes_read_bio_secmem(&der.data, &der.size, &label, PEM_STRING_EVP_PKEY, input.get(), NoPassphrase,
                                nullptr) != 1) {
    return KeyRefused("private key: no unencrypted PEM key in SEC1, PKCS#8 or PKCS#1",
                      "openssl pkey -in KEY -out PLAIN, if the key is encrypted");
  }
  const std::string kind(label);
  OPENSSL_free(label);
  if (kind == PEM_STRING_PKCS8INF) return ParsePkcs8(der.data, der.size);
  if (kind == PEM_STRING_ECPRIVATEKEY) return ParseTraditional(EVP_PKEY_EC, der.data, der.size);
  if (kind == PEM_STRING_RSA) return ParseTraditional(EVP_PKEY_RSA, der.data, der.size);
  return KeyRefused("private key: encrypted, or neither SEC1, PKCS#8 nor PKCS#1",
                    "openssl pkey -in KEY -out PLAIN, if the key is encrypted");
}

bool IsEc(x509::KeyType type) {
  return type == x509::KeyType::kEcP256 || type == x509::KeyType::kEcP384 || type == x509::KeyType::kEcP521;
}

const EVP_MD* DigestOf(x509::SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case x509::SignatureAlgorithm::kEcdsaSha256:
    case x509::SignatureAlgorithm::kRsaSha256:
      return EVP_sha256();
    case x509::SignatureAlgorithm::kEcdsaSha384:
    case x509::SignatureAlgorithm::kRsaSha384:
      return EVP_sha384();
    case x509::SignatureAlgorithm::kEcdsaSha512:
    case x509::SignatureAlgorithm::kRsaSha512:
      return EVP_sha512();
  }
  return nullptr;
}

bool IsEcdsa(x509::SignatureAlgorithm algorithm) {
  return algorithm == x509::SignatureAlgorithm::kEcdsaSha256 || algorithm == x509::SignatureAlgorithm::kEcdsaSha384 ||
         algorithm == x509::SignatureAlgorithm::kEcdsaSha512;
}

// Through the public encoding, so that a PublicKey never carries the private half, and x509's checks of curve and point
// apply.
absl::StatusOr<x509::PublicKey> PublicHalf(EVP_PKEY* key) {
  SIGNET_ASSIGN_OR_RETURN(const std::string der, x509::PublicKey::SpkiDerOf(key));
  return x509::PublicKey::FromSpkiDer(der);
}

absl::Status CheckKind(const x509::PublicKey& key) {
  if (IsEc(key.type())) return absl::OkStatus();
  if (key.type() == x509::KeyType::kRsa && key.bits() >= 2048 && key.bits() <= 4096) return absl::OkStatus();
  return KeyRefused("private key: must be EC P-256, P-384 or P-521, or RSA of 2048 to 4096 bits");
}

}  // namespace

PrivateKey::PrivateKey(std::shared_ptr<evp_pkey_st> key, x509::PublicKey public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}

absl::StatusOr<PrivateKey> PrivateKey::FromEvp(std::shared_ptr<evp_pkey_st> evp) {
  SIGNET_ASSIGN_OR_RETURN(x509::PublicKey public_key, PublicHalf(evp.get()));
  SIGNET_RETURN_IF_ERROR(CheckKind(public_key));
  return PrivateKey(std::move(evp), std::move(public_key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromParsedEvp(std::shared_ptr<evp_pkey_st> evp) {
  SIGNET_ASSIGN_OR_RETURN(PrivateKey key, FromEvp(std::move(evp)));
  // A file can pair one key's private half with another's public half.
  const x509::SignatureAlgorithm algorithm = DefaultAlgorithm(key.public_key());
  const auto signature = key.Sign(algorithm, "signet");
  if (!signature.ok() || !key.public_key().Verify(algorithm, "signet", *signature).ok()) {
    return KeyRefused("private key: its private and public halves do not belong together");
  }
  return key;
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(x509::KeyType type) {
  KeyPtr key;
  switch (type) {
    case x509::KeyType::kEcP256:
      key.reset(EVP_EC_gen("P-256"));
      break;
    case x509::KeyType::kEcP384:
      key.reset(EVP_EC_gen("P-384"));
      break;
    case x509::KeyType::kRsa:
      key.reset(EVP_RSA_gen(kGeneratedRsaBits));
      break;
    default:
      return KeyRefused("key type: only P-256, P-384 and RSA keys are generated");
  }
  if (key == nullptr) return OpensslFailed("generate a key");
  return FromEvp(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(const base::SecretBytes& pem) {
  if (pem.size() > kMaxKeyBytes) return KeyRefused("private key: larger than 64 KiB");
  SIGNET_ASSIGN_OR_RETURN(KeyPtr key, ParsePem(pem.ExposeSecret()));
  return FromParsedEvp(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPkcs8Der(const base::SecretBytes& der) {
  if (der.size() > kMaxKeyBytes) return KeyRefused("private key: larger than 64 KiB");
  const absl::string_view bytes = der.ExposeSecret();
  SIGNET_ASSIGN_OR_RETURN(
      KeyPtr key, ParsePkcs8(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<long>(bytes.size())));
  return FromParsedEvp(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::FromP256Scalar(const base::SecretBytes& scalar) {
  SIGNET_ASSIGN_OR_RETURN(KeyPtr key, P256FromScalar(scalar));
  return FromEvp(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::DeriveP256(const base::SecretBytes& secret, absl::string_view salt,
                                                  absl::string_view info) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes scalar, DeriveP256Scalar(secret, salt, info));
  return FromP256Scalar(scalar);
}

absl::StatusOr<base::SecretBytes> PrivateKey::ToPem() const {
  if (public_key_.type() == x509::KeyType::kEcP256) {
    SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes der, ToPkcs8Der());
    std::string pem = x509::EncodePem(PEM_STRING_PKCS8INF, der.ExposeSecret());
    return base::SecretBytes::Take(pem);
  }
  const BioPtr output(BIO_new(BIO_s_secmem()));  // wiped when freed
  if (output == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(output.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpensslFailed("write a private key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(output.get(), &data);
  return base::SecretBytes(absl::string_view(data, static_cast<std::size_t>(size)));
}

absl::StatusOr<base::SecretBytes> PrivateKey::ToPkcs8Der() const {
  if (public_key_.type() == x509::KeyType::kEcP256) {
    SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes scalar, ToP256Scalar());
    return EncodeP256Pkcs8(scalar, public_key_.spki_der());
  }
  const Pkcs8Ptr info(EVP_PKEY2PKCS8(key_.get()));
  unsigned char* der = nullptr;
  const int size = info == nullptr ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  if (size <= 0) return OpensslFailed("encode a private key");
  base::SecretBytes result(absl::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return result;
}

absl::StatusOr<base::SecretBytes> PrivateKey::ToP256Scalar() const {
  if (public_key_.type() != x509::KeyType::kEcP256) return KeyRefused("private key: only a P-256 key has this scalar");
  BIGNUM* number = nullptr;
  const int got = EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number);
  const SecretBnPtr scalar(number);
  std::string bytes(kP256ScalarBytes, '\0');
  const int size =
      got != 1 ? -1 : BN_bn2binpad(scalar.get(), reinterpret_cast<unsigned char*>(bytes.data()), kP256ScalarBytes);
  base::SecretBytes result = base::SecretBytes::Take(bytes);
  if (size != static_cast<int>(kP256ScalarBytes)) return OpensslFailed("write a P-256 scalar");
  return result;
}

absl::StatusOr<std::string> PrivateKey::Sign(x509::SignatureAlgorithm algorithm, absl::string_view message) const {
  if (IsEcdsa(algorithm) != IsEc(public_key_.type())) {
    return KeyRefused("signature algorithm: does not fit the key's kind");
  }
  const DigestCtxPtr context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, DigestOf(algorithm), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) != 1) {
    return OpensslFailed("begin a signature");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, message.size()) !=
      1) {
    return OpensslFailed("sign");
  }
  signature.resize(size);
  return signature;
}

}  // namespace signet::keys
