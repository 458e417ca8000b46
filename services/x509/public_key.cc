#include "services/x509/public_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/openssl.h"
#include "services/x509/signature_algorithm.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxRsaBits = 16384;

constexpr char kEcPublicKeyOid[] = "1.2.840.10045.2.1";

struct Curve {
  const char* oid;
  const char* name;  // OpenSSL's
  KeyType type;
  int bits;
  std::size_t point_size;  // uncompressed: 0x04, x, y
};
constexpr Curve kCurves[] = {
    {"1.2.840.10045.3.1.7", SN_X9_62_prime256v1, KeyType::kEcP256, 256, 65},
    {"1.3.132.0.34", SN_secp384r1, KeyType::kEcP384, 384, 97},
    {"1.3.132.0.35", SN_secp521r1, KeyType::kEcP521, 521, 133},
};

const Curve* FindCurve(KeyType type) {
  for (const Curve& curve : kCurves) {
    if (curve.type == type) return &curve;
  }
  return nullptr;
}

struct KeyKind {
  KeyType type;
  int bits;
};

absl::Status Refused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused, absl::StrCat("public key: ", message));
}

absl::StatusOr<KeyKind> ClassifyEc(DerReader& parameters, absl::string_view point) {
  if (!parameters.Is(kDerOid)) {
    return Refused("explicit curve parameters (RFC 5480 section 2.1.1 wants a named curve): use P-256");
  }
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, parameters.Read(kDerOid, "curve"));
  const std::string curve_oid = OidText(oid);
  for (const Curve& curve : kCurves) {
    if (curve_oid != curve.oid) continue;
    if (point.size() == 1) return Refused("the point at infinity");
    if (point.size() != curve.point_size || point.front() != '\x04') {
      return Refused("a point that is not in uncompressed form");
    }
    return KeyKind{curve.type, curve.bits};
  }
  const absl::string_view known = curve_oid == "1.3.132.0.10" ? " (secp256k1)" : "";
  return Refused(absl::StrCat("curve ", curve_oid, known, " is refused: use P-256, P-384 or P-521"));
}

// Sizes only; no arithmetic on a number before its size is known to be sane.
absl::StatusOr<KeyKind> ClassifyRsa(KeyType type, absl::string_view key) {
  static constexpr char kWhat[] = "RSA numbers";
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view numbers, ReadDer(key, kDerSequence, kWhat));
  DerReader reader(numbers);
  SIGNET_ASSIGN_OR_RETURN(absl::string_view modulus, reader.Read(kDerInteger, kWhat));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view exponent, reader.Read(kDerInteger, kWhat));
  SIGNET_RETURN_IF_ERROR(reader.Finish(kWhat));
  for (const absl::string_view number : {modulus, exponent}) {
    if (number.empty() || (number.front() & 0x80) != 0) return Refused("an RSA number that is not positive");
  }
  if (modulus.front() == '\0') modulus.remove_prefix(1);
  if (modulus.empty()) return Refused("an RSA modulus of zero");
  std::size_t bits = modulus.size() * 8;
  for (unsigned char top = static_cast<unsigned char>(modulus.front()); (top & 0x80) == 0 && bits > 0; top <<= 1) {
    if (top == 0) break;  // A second leading zero: not minimal; the re-encoding check refuses it.
    --bits;
  }
  if (bits > kMaxRsaBits) {
    return Refused(absl::StrCat("an RSA modulus of ", bits, " bits, the limit is ", kMaxRsaBits));
  }
  if (exponent.size() > modulus.size() + 1) return Refused("an RSA exponent longer than the modulus");
  return KeyKind{type, static_cast<int>(bits)};
}

absl::StatusOr<KeyKind> ClassifyBytes(absl::string_view spki) {
  static constexpr char kWhat[] = "SubjectPublicKeyInfo";
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, ReadDer(spki, kDerSequence, kWhat));
  DerReader reader(contents);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view algorithm, reader.Read(kDerSequence, "algorithm"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view bits, reader.Read(kDerBitString, "bits"));
  SIGNET_RETURN_IF_ERROR(reader.Finish(kWhat));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view key, BitStringOctets(bits, "bits"));
  DerReader parameters(algorithm);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, parameters.Read(kDerOid, "algorithm"));
  const std::string algorithm_oid = OidText(oid);
  if (algorithm_oid == kEcPublicKeyOid) return ClassifyEc(parameters, key);
  if (algorithm_oid == "1.2.840.113549.1.1.1") return ClassifyRsa(KeyType::kRsa, key);
  if (algorithm_oid == "1.2.840.113549.1.1.10") return ClassifyRsa(KeyType::kRsaPss, key);
  if (algorithm_oid == "1.3.101.112") return KeyKind{KeyType::kEd25519, 256};
  return Refused(absl::StrCat("algorithm ", algorithm_oid, " is refused: use EC P-256"));
}

// What kind of key `spki` holds (RFC 5280 section 4.1.2.7), judged on the bytes alone. Broken DER is a refused key too.
absl::StatusOr<KeyKind> Classify(absl::string_view spki) {
  auto kind = ClassifyBytes(spki);
  if (kind.ok() || base::ReasonOf(kind.status()) == base::kKeyRefused) return kind;
  return Refused(kind.status().message());
}

// RFC 5480 section 2.
std::string EncodeEcSpki(const Curve& curve, absl::string_view point) {
  const std::string algorithm = WriteDerOid(kEcPublicKeyOid) + WriteDerOid(curve.oid);
  return WriteDer(kDerSequence, WriteDer(kDerSequence, algorithm) + WriteDerBits(point));
}

// OpenSSL 3.0's own reader and writer of SubjectPublicKeyInfo try every decoder they know, at a quarter of a
// millisecond a key; for curves the few bytes are put together here.
EVP_PKEY* EcKeyFromPoint(const Curve& curve, absl::string_view point) {
  const OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  // OSSL_PARAM has no const variant; the import only reads these.
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(curve.name), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  // The import refuses a point that is not on the curve.
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return key;
}

std::string EncodeSpki(EVP_PKEY* key) {
  char group[32] = "";
  unsigned char point[160];
  std::size_t size = 0;
  // Explicit parameters of a known curve carry its name too: OpenSSL then writes what was read, and Classify refuses
  // it.
  int is_explicit = 0;
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
  if (is_explicit == 0 && EVP_PKEY_is_a(key, "EC") == 1 &&
      EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1) {
    for (const Curve& curve : kCurves) {
      if (absl::string_view(group) != curve.name) continue;
      if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) != 1) return "";
      return EncodeEcSpki(curve, absl::string_view(reinterpret_cast<const char*>(point), size));
    }
  }
  unsigned char* bytes = nullptr;
  const int encoded = i2d_PUBKEY(key, &bytes);
  if (encoded <= 0) return "";
  std::string spki(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(encoded));
  OPENSSL_free(bytes);
  return spki;
}

std::string RsaNumber(const PublicKey& key, const char* parameter) {
  const OpensslErrorScope errors;
  if (key.type() != KeyType::kRsa && key.type() != KeyType::kRsaPss) return "";
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key.evp(), parameter, &raw) != 1) return "";
  const OpensslPtr<BIGNUM, BN_free> number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

const EVP_MD* DigestOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaSha256:
    case SignatureAlgorithm::kRsaSha256:
      return EVP_sha256();
    case SignatureAlgorithm::kEcdsaSha384:
    case SignatureAlgorithm::kRsaSha384:
      return EVP_sha384();
    case SignatureAlgorithm::kEcdsaSha512:
    case SignatureAlgorithm::kRsaSha512:
      return EVP_sha512();
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromSpkiDer(absl::string_view spki_der) {
  const OpensslErrorScope errors;
  SIGNET_ASSIGN_OR_RETURN(const KeyKind kind, Classify(spki_der));
  if (const Curve* const curve = FindCurve(kind.type); curve != nullptr) {
    const absl::string_view point = spki_der.substr(spki_der.size() - curve->point_size);
    if (EncodeEcSpki(*curve, point) != spki_der) return Refused("not in the one canonical DER encoding of its key");
    EVP_PKEY* const key = EcKeyFromPoint(*curve, point);
    if (key == nullptr) return Refused("a point off its curve");
    return Make(key, kind.type, kind.bits, std::string(spki_der));
  }
  const auto* cursor = reinterpret_cast<const unsigned char*>(spki_der.data());
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki_der.size()));
  if (key == nullptr) return Refused("not a valid key of its kind (a point off its curve, or broken parameters)");
  SIGNET_ASSIGN_OR_RETURN(PublicKey parsed, FromEvp(key));
  if (parsed.spki_der_ != spki_der) return Refused("not in the one canonical DER encoding of its key");
  return parsed;
}

absl::StatusOr<PublicKey> PublicKey::FromEvp(evp_pkey_st* key) {
  const OpensslErrorScope errors;
  if (key == nullptr) return Refused("there is none");
  OpensslPtr<EVP_PKEY, EVP_PKEY_free> owned(key);
  std::string spki = EncodeSpki(key);
  SIGNET_ASSIGN_OR_RETURN(const KeyKind kind, Classify(spki));
  // The quick check leaves out the multiplication by the order, which says nothing on curves of cofactor 1: all of
  // ours.
  if (FindCurve(kind.type) != nullptr) {
    const OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    if (context == nullptr || EVP_PKEY_public_check_quick(context.get()) != 1) return Refused("a point off its curve");
  }
  return Make(owned.release(), kind.type, kind.bits, std::move(spki));
}

PublicKey PublicKey::Make(evp_pkey_st* key, KeyType type, int bits, std::string spki_der) {
  PublicKey made;
  made.key_ = std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
  made.type_ = type;
  made.bits_ = bits;
  made.spki_der_ = std::move(spki_der);
  made.spki_sha256_ = Sha256(made.spki_der_);
  return made;
}

absl::StatusOr<std::string> PublicKey::SpkiDerOf(evp_pkey_st* key) {
  const OpensslErrorScope errors;
  std::string spki = key == nullptr ? "" : EncodeSpki(key);
  if (spki.empty()) return Refused("it cannot be encoded");
  return spki;
}

std::string PublicKey::key_id() const { return absl::BytesToHexString(absl::string_view(spki_sha256_).substr(0, 16)); }

std::string PublicKey::rsa_modulus() const { return RsaNumber(*this, OSSL_PKEY_PARAM_RSA_N); }

std::string PublicKey::rsa_exponent() const { return RsaNumber(*this, OSSL_PKEY_PARAM_RSA_E); }

absl::Status PublicKey::Verify(SignatureAlgorithm algorithm, absl::string_view message,
                               absl::string_view signature) const {
  const OpensslErrorScope errors;
  const auto bytes = [](absl::string_view view) { return reinterpret_cast<const unsigned char*>(view.data()); };
  if (!Agrees(algorithm, type_)) {
    return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid,
                         absl::StrCat("signature: ", SignatureAlgorithmText(algorithm), " does not go with the key"));
  }
  const OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  if (context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, DigestOf(algorithm), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message), message.size()) == 1) {
    return absl::OkStatus();
  }
  return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid,
                       absl::StrCat("signature: not made by key ", key_id(), " over these bytes"));
}

std::string Sha256(absl::string_view bytes) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
                 nullptr) != 1 ||
      size != digest.size()) {
    // No digest, no key id, no binding: nothing this process could answer would be safe.
    std::abort();
  }
  return digest;
}

}  // namespace signet::x509
