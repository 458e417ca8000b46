#include "services/kubernetes/api.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/status_macros.h"
#include "services/kubernetes/answer.h"

namespace signet::kubernetes {
namespace {

constexpr char kExtraPodName[] = "authentication.kubernetes.io/pod-name";
constexpr char kExtraPodUid[] = "authentication.kubernetes.io/pod-uid";
constexpr std::size_t kMaxQuoted = 200;

// True for the literal, and for nothing that only looks like it.
bool IsTrue(const Json& value) { return value.is_boolean() && value.get<bool>(); }

bool Holds(const Json& list, const std::string& text) {
  return list.is_array() && std::any_of(list.begin(), list.end(), [&text](const Json& one) { return one == text; });
}

// user.extra's values are lists; one with two values would leave open which one counts.
bool IsExactly(const Json& list, const std::string& text) {
  return list.is_array() && list.size() == 1 && list.front() == text;
}

// The API server's own words, unless they hold a part of the token.
std::string Quoted(const std::string& error, absl::string_view token) {
  for (const absl::string_view part : absl::StrSplit(token, '.')) {
    if (absl::StrContains(error, part)) return "";
  }
  return error.empty() ? "" : absl::StrCat(": ", absl::CHexEscape(error.substr(0, kMaxQuoted)));
}

}  // namespace

absl::Status Api::ReviewToken(absl::string_view token, const TokenClaims& claims, absl::string_view audience,
                              Deadline deadline) {
  const std::string wanted(audience);
  const Json review = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", std::string(token)}, {"audiences", Json::array({wanted})}}}};
  SIGNET_ASSIGN_OR_RETURN(const HttpAnswer answer,
                          client_.Send("/apis/authentication.k8s.io/v1/tokenreviews", review.dump(), deadline));
  if (answer.status != 200 && answer.status != 201) {
    return NoAnswer(
        answer.status, "create tokenreviews",
        "bind signetd's service account to a ClusterRole that may create tokenreviews (docs/kubernetes.md)");
  }
  SIGNET_ASSIGN_OR_RETURN(const Json object, ReadObject(answer, "TokenReview"));
  const Json& status = At(object, {"status"});
  if (!status.is_object()) return ApiUnavailable("the Kubernetes API's TokenReview has no status");
  if (!IsTrue(At(status, {"authenticated"}))) {
    return RefusePod(
        absl::StrCat("Kubernetes does not know the service account token", Quoted(TextAt(status, {"error"}), token)),
        "read the mounted token again; a deleted pod's token is dead");
  }
  // An authenticator that knows nothing of audiences vouches for a token that may have been made for somebody else.
  if (!Holds(At(status, {"audiences"}), wanted)) {
    return RefusePod(absl::StrCat("Kubernetes does not vouch for audience ", audience));
  }
  if (TextAt(status, {"user", "username"}) != claims.subject) {
    return RefusePod("Kubernetes gives the token to another user than its sub");
  }
  const Json& extra = At(status, {"user", "extra"});
  if (!IsExactly(At(extra, {kExtraPodName}), claims.pod_name) ||
      !IsExactly(At(extra, {kExtraPodUid}), claims.pod_uid)) {
    return RefusePod("Kubernetes does not bind the token to the pod that it names");
  }
  return absl::OkStatus();
}

absl::StatusOr<Pod> Api::GetPod(absl::string_view name_space, absl::string_view name, Deadline deadline) {
  const std::string path = absl::StrCat("/api/v1/namespaces/", name_space, "/pods/", name);
  SIGNET_ASSIGN_OR_RETURN(const HttpAnswer answer, client_.Send(path, "", deadline));
  if (answer.status == 404) return RefusePod(absl::StrCat("there is no pod ", name_space, "/", name));
  if (answer.status != 200) {
    return NoAnswer(answer.status, absl::StrCat("get pods in namespace ", name_space),
                    absl::StrCat("give signetd's service account a Role with get pods in namespace ", name_space));
  }
  SIGNET_ASSIGN_OR_RETURN(const Json object, ReadObject(answer, "Pod"));
  Pod pod;
  pod.name_space = TextAt(object, {"metadata", "namespace"});
  pod.name = TextAt(object, {"metadata", "name"});
  pod.uid = TextAt(object, {"metadata", "uid"});
  pod.being_deleted = !At(object, {"metadata", "deletionTimestamp"}).is_null();
  pod.service_account = TextAt(object, {"spec", "serviceAccountName"});
  pod.phase = TextAt(object, {"status", "phase"});
  pod.node_name = TextAt(object, {"spec", "nodeName"});
  pod.hostname = TextAt(object, {"spec", "hostname"});
  const Json& host_network = At(object, {"spec", "hostNetwork"});
  // Absent is false; anything else than the two literals leaves the node's name open.
  if (!host_network.is_null() && !host_network.is_boolean()) {
    return ApiUnavailable("the Kubernetes API's pod has a hostNetwork that is neither true nor false");
  }
  pod.host_network = IsTrue(host_network);
  const Json& owners = At(object, {"metadata", "ownerReferences"});
  for (const Json& owner : owners.is_array() ? owners : Json::array()) {
    if (!IsTrue(At(owner, {"controller"}))) continue;
    pod.owner_kind = TextAt(owner, {"kind"});
    pod.owner_api_version = TextAt(owner, {"apiVersion"});
    break;
  }
  std::string fault;
  if (!absl::ParseTime(absl::RFC3339_full, TextAt(object, {"metadata", "creationTimestamp"}), &pod.created_at,
                       &fault)) {
    return ApiUnavailable("the Kubernetes API's pod has no creationTimestamp");
  }
  return pod;
}

}  // namespace signet::kubernetes
