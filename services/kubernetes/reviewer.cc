#include "services/kubernetes/reviewer.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"

namespace signet::kubernetes {
namespace {

constexpr char kSlurmd[] = "slurmd";
constexpr char kSackd[] = "sackd";

absl::Status CheckOwner(const Pod& pod) {
  if (pod.owner_kind == "NodeSet" && absl::StartsWith(pod.owner_api_version, "slinky.slurm.net/")) {
    return absl::OkStatus();
  }
  return RefusePod(
      absl::StrCat("pod ", pod.name_space, "/", pod.name, " is controlled by no NodeSet of slinky.slurm.net"),
      "set kubernetes.slurmd_owner to any where slurmd runs without Slinky's operator");
}

}  // namespace

absl::Status CheckPod(const Pod& pod, const TokenClaims& claims) {
  const std::string shown = absl::StrCat("pod ", claims.name_space, "/", claims.pod_name);
  if (pod.name_space != claims.name_space || pod.name != claims.pod_name) {
    return RefusePod(absl::StrCat("Kubernetes answered with another pod than ", shown));
  }
  // A pod of the same name came after the one that the token was made for.
  if (pod.uid.empty() || pod.uid != claims.pod_uid) {
    return RefusePod(absl::StrCat(shown, " has another uid than the token's"));
  }
  if (pod.being_deleted) return RefusePod(absl::StrCat(shown, " is being deleted"));
  if (pod.phase != "Pending" && pod.phase != "Running") {
    return RefusePod(absl::StrCat(shown, " is neither Pending nor Running"));
  }
  if (absl::StrCat(pod.name_space, "/", pod.service_account) != claims.service_account) {
    return RefusePod(absl::StrCat(shown, " runs under another service account than the token's"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NodeOf(const Pod& pod) {
  std::string node = pod.hostname.empty() ? pod.name : pod.hostname;
  if (pod.host_network) node = pod.node_name.substr(0, pod.node_name.find('.'));
  if (const absl::Status fits = names::CheckNodeName(node); !fits.ok()) {
    return RefusePod(absl::StrCat("pod ", pod.name_space, "/", pod.name, " gives no node name: ", fits.message()));
  }
  return node;
}

Reviewer::Reviewer(Endpoint endpoint, Rules rules, const base::Clock& clock, telemetry::Logger& logger)
    : api_(std::move(endpoint)),
      audience_(std::move(rules.audience)),
      slurmd_of_nodeset_(rules.slurmd_of_nodeset),
      clock_(clock),
      logger_(logger),
      service_accounts_(std::move(rules.service_accounts)) {}

void Reviewer::SetServiceAccounts(std::map<std::string, std::string> service_accounts) {
  const base::MutexLock lock(mutex_);
  service_accounts_ = std::move(service_accounts);
}

absl::StatusOr<std::string> Reviewer::GrantOf(const std::string& service_account) {
  const base::MutexLock lock(mutex_);
  const auto found = service_accounts_.find(service_account);
  if (found != service_accounts_.end()) return found->second;
  return RefusePod(absl::StrCat("service account ", service_account, " is not on the allow-list"),
                   "add it to kubernetes.service_accounts in signetd.yaml, if it runs Slurm's daemons");
}

absl::StatusOr<Pod> Reviewer::Ask(absl::string_view token, const TokenClaims& claims) {
  const Deadline deadline = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(kReviewTime);
  SIGNET_RETURN_IF_ERROR(api_.ReviewToken(token, claims, audience_, deadline));
  return api_.GetPod(claims.name_space, claims.pod_name, deadline);
}

absl::StatusOr<enrollment::ReviewedPod> Reviewer::Review(absl::string_view token) {
  SIGNET_ASSIGN_OR_RETURN(const TokenClaims claims, ReadToken(token, audience_, clock_.Now()));
  SIGNET_ASSIGN_OR_RETURN(const std::string grants, GrantOf(claims.service_account));
  const absl::StatusOr<Pod> pod = Ask(token, claims);
  if (absl::IsUnavailable(pod.status())) LogUnavailable(pod.status());
  SIGNET_RETURN_IF_ERROR(pod.status());
  SIGNET_RETURN_IF_ERROR(CheckPod(*pod, claims));
  enrollment::ReviewedPod reviewed;
  if (grants == kSlurmd || grants == kSackd) {
    SIGNET_ASSIGN_OR_RETURN(reviewed.node, NodeOf(*pod));
  }
  if (grants == kSlurmd && slurmd_of_nodeset_) SIGNET_RETURN_IF_ERROR(CheckOwner(*pod));
  reviewed.service_account = claims.service_account;
  reviewed.grants = grants;
  reviewed.name_space = pod->name_space;
  reviewed.name = pod->name;
  reviewed.uid = pod->uid;
  reviewed.created_at = pod->created_at;
  reviewed.token_expires_at = claims.expires_at;
  return reviewed;
}

void Reviewer::LogUnavailable(const absl::Status& status) {
  {
    const absl::Time now = clock_.Now();
    const base::MutexLock lock(mutex_);
    if (logged_at_ <= now && now - logged_at_ < absl::Minutes(1)) return;
    logged_at_ = now;
  }
  logger_.Error("kubernetes.unavailable", {{"message", std::string(status.message())}, {"next", base::NextOf(status)}});
}

}  // namespace signet::kubernetes
