#include "services/keys/p256.h"

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>

#include <array>
#include <string>

#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::keys {
namespace {

constexpr std::size_t kDerivedBytes = 48;
constexpr std::size_t kUncompressedPointBytes = 1 + 2 * kP256ScalarBytes;

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// A number that OpenSSL treats as a secret: constant-time code paths, wiped when copied into parameters.
SecretBnPtr SecretNumber(absl::string_view big_endian) {
  SecretBnPtr number(BN_secure_new());
  if (number == nullptr) return nullptr;
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (BN_bin2bn(Bytes(big_endian), static_cast<int>(big_endian.size()), number.get()) == nullptr) return nullptr;
  return number;
}

absl::StatusOr<base::SecretBytes> Hkdf(const base::SecretBytes& secret, absl::string_view salt,
                                       absl::string_view info) {
  const KdfPtr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const KdfCtxPtr context(kdf == nullptr ? nullptr : EVP_KDF_CTX_new(kdf.get()));
  if (context == nullptr) return OpensslFailed("make an HKDF context");
  // OSSL_PARAM has no const variant; HKDF only reads these.
  const auto octets = [](const char* name, absl::string_view value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
  };
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 5> parameters = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                                octets(OSSL_KDF_PARAM_KEY, secret.ExposeSecret()),
                                                octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_INFO, info),
                                                OSSL_PARAM_construct_end()};
  std::string derived(kDerivedBytes, '\0');
  const int done = EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()), derived.size(),
                                  parameters.data());
  base::SecretBytes result = base::SecretBytes::Take(derived);
  if (done != 1) return OpensslFailed("derive a key by HKDF");
  return result;
}

absl::StatusOr<KeyPtr> KeyFromNumber(const EC_GROUP* group, const BIGNUM* scalar) {
  const BnCtxPtr numbers(BN_CTX_secure_new());
  const PointPtr point(EC_POINT_new(group));
  std::array<unsigned char, kUncompressedPointBytes> encoded = {};
  if (numbers == nullptr || point == nullptr ||
      EC_POINT_mul(group, point.get(), scalar, nullptr, nullptr, numbers.get()) != 1 ||
      EC_POINT_point2oct(group, point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(),
                         numbers.get()) != encoded.size()) {
    return OpensslFailed("compute a P-256 public key");
  }
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1, 0) != 1 ||
      OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar, kP256ScalarBytes) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()) != 1) {
    return OpensslFailed("describe a P-256 key");
  }
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
    return OpensslFailed("make a P-256 key");
  }
  return KeyPtr(key);
}

// Up to the scalar: PrivateKeyInfo { 0, { ecPublicKey, prime256v1 }, OCTET STRING { ECPrivateKey { 1, OCTET STRING
// of 32.
constexpr unsigned char kPkcs8Head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                        0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
// Between scalar and point: [1] { BIT STRING of 65 octets.
constexpr unsigned char kPkcs8Middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};

template <std::size_t kSize>
absl::string_view View(const unsigned char (&bytes)[kSize]) {
  return absl::string_view(reinterpret_cast<const char*>(bytes), kSize);
}

absl::StatusOr<std::array<unsigned char, kUncompressedPointBytes>> PointOf(EVP_PKEY* key) {
  std::array<unsigned char, kUncompressedPointBytes> point = {};
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1 ||
      size != point.size()) {
    return OpensslFailed("read a P-256 public key");
  }
  return point;
}

}  // namespace

base::SecretBytes EncodeP256Pkcs8(const base::SecretBytes& scalar, absl::string_view spki_der) {
  std::string der;
  der.reserve(sizeof(kPkcs8Head) + kP256ScalarBytes + sizeof(kPkcs8Middle) + kUncompressedPointBytes);
  const absl::string_view point = spki_der.substr(spki_der.size() - kUncompressedPointBytes);
  for (const absl::string_view part : {View(kPkcs8Head), scalar.ExposeSecret(), View(kPkcs8Middle), point}) {
    der.append(part.data(), part.size());
  }
  return base::SecretBytes::Take(der);
}

absl::StatusOr<KeyPtr> P256FromPkcs8(absl::string_view der) {
  const absl::string_view head = View(kPkcs8Head);
  const absl::string_view middle = View(kPkcs8Middle);
  if (der.size() != head.size() + kP256ScalarBytes + middle.size() + kUncompressedPointBytes ||
      der.substr(0, head.size()) != head || der.substr(head.size() + kP256ScalarBytes, middle.size()) != middle) {
    return absl::NotFoundError("not the usual PKCS#8 of a P-256 key");
  }
  SIGNET_ASSIGN_OR_RETURN(KeyPtr key, P256FromScalar(base::SecretBytes(der.substr(head.size(), kP256ScalarBytes))));
  SIGNET_ASSIGN_OR_RETURN(const auto point, PointOf(key.get()));
  if (der.substr(der.size() - point.size()) !=
      absl::string_view(reinterpret_cast<const char*>(point.data()), point.size())) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                         "private key: its private and public halves do not belong together");
  }
  return key;
}

absl::StatusOr<KeyPtr> P256FromScalar(const base::SecretBytes& scalar) {
  const auto refused = [] {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                         "P-256 scalar: must have 32 bytes and lie between 1 and the group's order less 1");
  };
  if (scalar.size() != kP256ScalarBytes) return refused();
  const GroupPtr group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const SecretBnPtr number = SecretNumber(scalar.ExposeSecret());
  if (group == nullptr || number == nullptr) return OpensslFailed("read a P-256 scalar");
  if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(group.get())) >= 0) return refused();
  return KeyFromNumber(group.get(), number.get());
}

absl::StatusOr<base::SecretBytes> DeriveP256Scalar(const base::SecretBytes& secret, absl::string_view salt,
                                                   absl::string_view info) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes derived, Hkdf(secret, salt, info));
  const GroupPtr group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const BnCtxPtr numbers(BN_CTX_secure_new());
  const SecretBnPtr wide = SecretNumber(derived.ExposeSecret());
  const SecretBnPtr scalar(BN_secure_new());
  const SecretBnPtr modulus(group == nullptr ? nullptr : BN_dup(EC_GROUP_get0_order(group.get())));
  if (numbers == nullptr || wide == nullptr || scalar == nullptr || modulus == nullptr ||
      BN_sub_word(modulus.get(), 1) != 1 || BN_mod(scalar.get(), wide.get(), modulus.get(), numbers.get()) != 1 ||
      BN_add_word(scalar.get(), 1) != 1) {
    return OpensslFailed("reduce a derived scalar");
  }
  std::string bytes(kP256ScalarBytes, '\0');
  const int size = BN_bn2binpad(scalar.get(), reinterpret_cast<unsigned char*>(bytes.data()), kP256ScalarBytes);
  base::SecretBytes result = base::SecretBytes::Take(bytes);
  if (size != static_cast<int>(kP256ScalarBytes)) return OpensslFailed("write a derived scalar");
  return result;
}

}  // namespace signet::keys
