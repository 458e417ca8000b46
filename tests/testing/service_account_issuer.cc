#include "tests/testing/service_account_issuer.h"

#include <openssl/ecdsa.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/random.h"
#include "tests/testing/must.h"

namespace signet::testing {
namespace {

using Json = nlohmann::json;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;

// RFC 7518 section 3.4: R and S, 32 bytes each, where OpenSSL has DER.
std::string RawFromDer(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())), &ECDSA_SIG_free);
  std::string raw(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + 32, 32);
  return raw;
}

std::string DerFromRaw(const std::string& raw) {
  if (raw.size() != 64) return "";
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  const EcdsaSignature signature(ECDSA_SIG_new(), &ECDSA_SIG_free);
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  const std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

Json Parse(absl::string_view part) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(part, &text)) return nullptr;
  return Json::parse(text, nullptr, false);
}

}  // namespace

std::string Base64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

std::string NewUuid() {
  base::SystemRandom random;
  std::string hex = absl::BytesToHexString(random.Bytes(16));
  hex[12] = '4';
  hex[16] = 'a';
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

ServiceAccountIssuer::ServiceAccountIssuer()
    : rsa_(Must(keys::PrivateKey::Generate(x509::KeyType::kRsa))),
      ecdsa_(Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256))) {}

const ServiceAccountIssuer& ServiceAccountIssuer::Shared() {
  static const auto* const kShared = new ServiceAccountIssuer();
  return *kShared;
}

std::string ServiceAccountIssuer::Sign(const std::string& algorithm, absl::string_view message) const {
  if (algorithm == "ES256") return RawFromDer(Must(ecdsa_.Sign(x509::SignatureAlgorithm::kEcdsaSha256, message)));
  return Must(rsa_.Sign(x509::SignatureAlgorithm::kRsaSha256, message));
}

std::string ServiceAccountIssuer::Make(const Bound& bound, const TokenWish& wish, absl::Time now) const {
  const std::string algorithm = wish.ecdsa ? "ES256" : "RS256";
  Json header = {{"alg", algorithm}, {"kid", Base64Url((wish.ecdsa ? ecdsa_ : rsa_).public_key().spki_sha256())}};
  Json claims = {{"aud", wish.audiences},
                 {"exp", absl::ToUnixSeconds(now + wish.lifetime)},
                 {"iat", absl::ToUnixSeconds(now)},
                 {"iss", kIssuer},
                 {"jti", NewUuid()},
                 {"kubernetes.io",
                  {{"namespace", bound.name_space},
                   {"node", {{"name", bound.node}, {"uid", bound.node_uid}}},
                   {"pod", {{"name", bound.pod}, {"uid", bound.pod_uid}}},
                   {"serviceaccount", {{"name", bound.service_account}, {"uid", bound.service_account_uid}}}}},
                 {"nbf", absl::ToUnixSeconds(now)},
                 {"sub", absl::StrCat("system:serviceaccount:", bound.name_space, ":", bound.service_account)}};
  if (wish.change) wish.change(header, claims);
  const std::string message = absl::StrCat(Base64Url(header.dump()), ".", Base64Url(claims.dump()));
  return absl::StrCat(message, ".", Base64Url(Sign(algorithm, message)));
}

std::optional<Json> ServiceAccountIssuer::Verify(absl::string_view token, absl::Time now) const {
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return std::nullopt;
  const Json header = Parse(parts[0]);
  const Json claims = Parse(parts[1]);
  std::string signature;
  if (!header.is_object() || !claims.is_object() || !absl::WebSafeBase64Unescape(parts[2], &signature)) {
    return std::nullopt;
  }
  const std::string message = absl::StrCat(parts[0], ".", parts[1]);
  absl::Status verified = absl::InternalError("an algorithm of no key");
  if (header.value("alg", "") == "RS256") {
    verified = rsa_.public_key().Verify(x509::SignatureAlgorithm::kRsaSha256, message, signature);
  } else if (header.value("alg", "") == "ES256") {
    verified = ecdsa_.public_key().Verify(x509::SignatureAlgorithm::kEcdsaSha256, message, DerFromRaw(signature));
  }
  const int64_t at = absl::ToUnixSeconds(now);
  if (!verified.ok() || claims.value("iss", "") != kIssuer || claims.value("nbf", int64_t{0}) > at ||
      claims.value("exp", int64_t{0}) <= at) {
    return std::nullopt;
  }
  return claims;
}

}  // namespace signet::testing
