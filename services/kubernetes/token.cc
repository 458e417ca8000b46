#include "services/kubernetes/token.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <jwt.h>
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::kubernetes {
namespace {

constexpr std::array<absl::string_view, 6> kAlgorithms = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
constexpr char kSubjectPrefix[] = "system:serviceaccount:";
constexpr char kNext[] = "mount a projected serviceAccountToken volume with signetd's audience (docs/kubernetes.md)";
constexpr std::size_t kMaxUid = 64;

struct FreeJwt {
  void operator()(jwt_t* jwt) const { jwt_free(jwt); }
};
using JwtPtr = std::unique_ptr<jwt_t, FreeJwt>;

bool IsBase64Url(absl::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; });
}

// libjwt skips characters outside the alphabet and looks no further than the second dot: the shape is judged before it.
absl::StatusOr<JwtPtr> Decode(absl::string_view token) {
  if (token.size() > kMaxTokenBytes) {
    return RefusePod(
        absl::StrCat("the service account token has ", token.size(), " bytes, the limit is ", kMaxTokenBytes));
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3 || !std::all_of(parts.begin(), parts.end(), IsBase64Url)) {
    return RefusePod("the service account token is no signed JWT of three parts", kNext);
  }
  jwt_t* decoded = nullptr;
  // Without a key nothing is verified: the API server does that.
  if (jwt_decode(&decoded, std::string(token).c_str(), nullptr, 0) != 0 || decoded == nullptr) {
    return RefusePod("the service account token's header or claims cannot be read", kNext);
  }
  return JwtPtr(decoded);
}

// By the header's own text: libjwt takes "rs256" for RS256, and says "none" of whatever it did not verify.
absl::Status CheckAlgorithm(jwt_t* jwt) {
  const char* algorithm = jwt_get_header(jwt, "alg");
  if (algorithm != nullptr && std::find(kAlgorithms.begin(), kAlgorithms.end(), algorithm) != kAlgorithms.end()) {
    return absl::OkStatus();
  }
  return RefusePod("the service account token's alg is not one of RS256, RS384, RS512, ES256, ES384, ES512", kNext);
}

nlohmann::json ClaimsOf(jwt_t* jwt) {
  char* text = jwt_get_grants_json(jwt, nullptr);
  if (text == nullptr) return nullptr;
  nlohmann::json claims = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  free(text);
  return claims;
}

// The text at `path`; empty when it is not there, or no text.
std::string TextAt(const nlohmann::json& claims, std::initializer_list<const char*> path) {
  const nlohmann::json* at = &claims;
  for (const char* key : path) {
    if (!at->is_object()) return "";
    const auto found = at->find(key);
    if (found == at->end()) return "";
    at = &*found;
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

// RFC 7519 section 4.1.3: one text, or a list of them.
bool IsFor(const nlohmann::json& claims, absl::string_view audience) {
  if (!claims.is_object() || audience.empty()) return false;
  const auto aud = claims.find("aud");
  if (aud == claims.end()) return false;
  const std::string wanted(audience);
  if (!aud->is_array()) return *aud == wanted;
  return std::any_of(aud->begin(), aud->end(), [&wanted](const nlohmann::json& one) { return one == wanted; });
}

absl::StatusOr<absl::Time> ExpiryOf(const nlohmann::json& claims) {
  const auto exp = claims.find("exp");
  // Beyond the year 9999 only a forger writes.
  constexpr int64_t kLatest = 253402300800;
  if (exp == claims.end() || !exp->is_number_integer() || exp->get<int64_t>() <= 0 || exp->get<int64_t>() > kLatest) {
    return RefusePod("the service account token's exp is no time", kNext);
  }
  return absl::FromUnixSeconds(exp->get<int64_t>());
}

absl::Status ReadBinding(const nlohmann::json& claims, TokenClaims* token) {
  token->subject = TextAt(claims, {"sub"});
  const std::vector<std::string> names = absl::StrSplit(absl::StripPrefix(token->subject, kSubjectPrefix), ':');
  const bool named = absl::StartsWith(token->subject, kSubjectPrefix) && names.size() == 2 && IsDnsLabel(names[0]) &&
                     IsDnsSubdomain(names[1]);
  if (!named) return RefusePod("the service account token's sub names no service account", kNext);
  token->name_space = names[0];
  token->service_account = absl::StrCat(names[0], "/", names[1]);
  if (TextAt(claims, {"kubernetes.io", "namespace"}) != names[0] ||
      TextAt(claims, {"kubernetes.io", "serviceaccount", "name"}) != names[1]) {
    return RefusePod("the service account token's kubernetes.io claims contradict its sub", kNext);
  }
  token->pod_name = TextAt(claims, {"kubernetes.io", "pod", "name"});
  token->pod_uid = TextAt(claims, {"kubernetes.io", "pod", "uid"});
  if (!IsDnsSubdomain(token->pod_name) || token->pod_uid.empty() || token->pod_uid.size() > kMaxUid) {
    return RefusePod("the service account token is bound to no pod", kNext);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RefusePod(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kPermissionDenied, base::kPodRefused, message, next);
}

bool IsDnsLabel(absl::string_view name) {
  return name.size() <= 63 && !absl::StrContains(name, ".") && IsDnsSubdomain(name);
}

bool IsDnsSubdomain(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  return std::all_of(labels.begin(), labels.end(), [](absl::string_view label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
  });
}

absl::StatusOr<TokenClaims> ReadToken(absl::string_view token, absl::string_view audience, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const JwtPtr jwt, Decode(token));
  SIGNET_RETURN_IF_ERROR(CheckAlgorithm(jwt.get()));
  const nlohmann::json claims = ClaimsOf(jwt.get());
  if (!claims.is_object()) return RefusePod("the service account token's claims are no object", kNext);
  if (!IsFor(claims, audience)) {
    return RefusePod(absl::StrCat("the service account token is not for audience ", audience), kNext);
  }
  TokenClaims read;
  SIGNET_ASSIGN_OR_RETURN(read.expires_at, ExpiryOf(claims));
  if (read.expires_at <= now) {
    return RefusePod(
        absl::StrCat("the service account token ended ", absl::FormatDuration(now - read.expires_at), " ago"),
        "read the mounted token again: the kubelet renews it in place; compare the clocks");
  }
  SIGNET_RETURN_IF_ERROR(ReadBinding(claims, &read));
  return read;
}

}  // namespace signet::kubernetes
