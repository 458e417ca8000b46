// Which pods may enrol, as which node; and which may call as the controller.
#ifndef SIGNET_SERVICES_KUBERNETES_REVIEWER_H_
#define SIGNET_SERVICES_KUBERNETES_REVIEWER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/enrollment/pod_reviewer.h"
#include "services/kubernetes/api.h"
#include "services/telemetry/logger.h"

namespace signet::kubernetes {

// For both questions together: Slurm's scripts have 5 s, and the adapter 1.2 s for each server.
inline constexpr absl::Duration kReviewTime = absl::Milliseconds(800);

// What decides about a pod, besides the API.
struct Rules {
  std::string audience = "signet";
  // "namespace/name" → "slurmd", "sackd", "controller" or "tester". Whoever is not on it is refused.
  std::map<std::string, std::string> service_accounts;
  // A slurmd's pod must be controlled by a NodeSet of slinky.slurm.net; false: by anything or nothing.
  bool slurmd_of_nodeset = true;
};

// OK when `pod` is the one that `claims` name, alive, and of their service account. POD_REFUSED.
absl::Status CheckPod(const Pod& pod, const TokenClaims& claims);
// The Slurm node that a pod is: with hostNetwork the first label of spec.nodeName, else spec.hostname, else its name;
// never a label or an annotation. POD_REFUSED when that is no NodeName.
absl::StatusOr<std::string> NodeOf(const Pod& pod);

// Thread-safe. References must outlive this.
class Reviewer final : public enrollment::PodReviewer {
 public:
  Reviewer(Endpoint endpoint, Rules rules, const base::Clock& clock, telemetry::Logger& logger);

  // Claims first, so that neither junk nor a service account that is not allowed costs the API a call; then TokenReview
  // and GET pod, within kReviewTime. `node` stays empty for who is no node.
  absl::StatusOr<enrollment::ReviewedPod> Review(absl::string_view token) override;
  // Takes over a new allow-list.
  void SetServiceAccounts(std::map<std::string, std::string> service_accounts);

 private:
  // What the allow-list gives; POD_REFUSED for what is not on it.
  absl::StatusOr<std::string> GrantOf(const std::string& service_account);
  absl::StatusOr<Pod> Ask(absl::string_view token, const TokenClaims& claims);
  // Logs why the API is of no use, once a minute: every call that suffers from it has a line of its own.
  void LogUnavailable(const absl::Status& status);

  Api api_;
  const std::string audience_;
  const bool slurmd_of_nodeset_;
  const base::Clock& clock_;
  telemetry::Logger& logger_;
  base::Mutex mutex_;
  std::map<std::string, std::string> service_accounts_ ABSL_GUARDED_BY(mutex_);
  absl::Time logged_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_REVIEWER_H_
