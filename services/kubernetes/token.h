// What a Kubernetes ServiceAccount token claims, before anybody has verified it.
#ifndef SIGNET_SERVICES_KUBERNETES_TOKEN_H_
#define SIGNET_SERVICES_KUBERNETES_TOKEN_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::kubernetes {

inline constexpr std::size_t kMaxTokenBytes = 8 * 1024;

// PERMISSION_DENIED / POD_REFUSED.
absl::Status RefusePod(absl::string_view message, absl::string_view next = "");

// Claims prove nothing: the API server verifies the token (TokenReview), and its answer must say the same.
struct TokenClaims {
  std::string subject;          // sub: "system:serviceaccount:<namespace>:<name>"
  std::string service_account;  // "<namespace>/<name>", of sub
  std::string name_space;
  std::string pod_name;
  std::string pod_uid;
  absl::Time expires_at;
};

// Reads a compact JWS (RFC 7515 section 3.1) as kube-apiserver makes it for a pod: at most kMaxTokenBytes; three parts
// of unpadded base64url; `alg` one of RS256, RS384, RS512, ES256, ES384, ES512 exactly, so neither "none" nor a
// symmetric one; `aud` holds `audience`; `exp` after `now`; bound to a pod by kubernetes.io's claims. POD_REFUSED names
// the claim, never its value where that could be secret.
absl::StatusOr<TokenClaims> ReadToken(absl::string_view token, absl::string_view audience, absl::Time now);

// RFC 1123 label (a namespace) and subdomain (the name of a pod or service account): what may stand in a URL's path.
bool IsDnsLabel(absl::string_view name);
bool IsDnsSubdomain(absl::string_view name);

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_TOKEN_H_
