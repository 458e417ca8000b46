// Callers that show a projected Kubernetes ServiceAccount token, and what is remembered of them.
#ifndef SIGNET_SERVICES_RPC_POD_CALLERS_H_
#define SIGNET_SERVICES_RPC_POD_CALLERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/enrollment/pod_reviewer.h"
#include "services/enrollment/request_limits.h"

namespace signet::rpc {

// The service accounts of this grant are controllers.
inline constexpr char kControllerGrant[] = "controller";
// And of this one testers, who are asked about at every call.
inline constexpr char kTesterGrant[] = "tester";
// How long the Kubernetes API is not asked again about a controller's token.
inline constexpr absl::Duration kPodFresh = absl::Seconds(60);
// And how long after it gave no answer.
inline constexpr absl::Duration kPodRetry = absl::Seconds(5);
// Anybody can send a token: of strangers' no more than these are asked about at once, so that enrolling pods find the
// API free, no more than these of one peer's address in a minute, and no more calls than these wait for an answer.
inline constexpr std::size_t kMostPodReviews = 8;
inline constexpr int64_t kMostPodReviewsPerMinute = 30;
inline constexpr std::size_t kMostPodWaits = 64;
inline constexpr std::size_t kMostPodsRemembered = 256;

// A controller that the API vouched for is remembered, in memory, under the SHA-256 of its token: for kPodFresh without
// asking, and, while the API gives no answer, until the token itself ends, so that enrolled nodes renew. A refusal
// forgets it. Thread-safe. References must outlive this.
class PodCallers {
 public:
  PodCallers(enrollment::PodReviewer& reviewer, const base::Clock& clock)
      : reviewer_(reviewer), clock_(clock), strangers_({kMostPodReviewsPerMinute, 1}, clock) {}

  // The pod that holds `token`, whatever its grant. PERMISSION_DENIED when Kubernetes or the allow-list says no;
  // UNAVAILABLE / KUBERNETES_UNAVAILABLE when it could not be decided. `peer`: the address of who sends it, which
  // spends its limit on tokens that are not remembered; it is a name for a limit and no proof of anything.
  absl::StatusOr<enrollment::ReviewedPod> Identify(absl::string_view token, absl::string_view peer);
  // Everybody is asked about again: for a changed allow-list.
  void Forget();

 private:
  using Answer = absl::StatusOr<enrollment::ReviewedPod>;
  struct Remembered {
    enrollment::ReviewedPod pod;
    absl::Time fresh_until;
  };
  // One question under way; the calls that show the same token in the same era wait for its answer.
  struct Question {
    std::optional<Answer> answer;
  };
  using TokenInEra = std::pair<std::string, uint64_t>;

  Answer Wait(const Question& question) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the API's answer over; what the caller is told may be what was remembered. `era`: of the question.
  Answer Judge(const std::string& key, uint64_t era, Answer answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(const std::string& key, const enrollment::ReviewedPod& pod) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  enrollment::PodReviewer& reviewer_;
  const base::Clock& clock_;
  enrollment::RequestLimits strangers_;  // by peer
  base::Mutex mutex_;
  base::CondVar answered_;
  std::map<std::string, Remembered> remembered_ ABSL_GUARDED_BY(mutex_);
  std::map<TokenInEra, std::shared_ptr<Question>> asking_ ABSL_GUARDED_BY(mutex_);
  std::size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t era_ ABSL_GUARDED_BY(mutex_) = 0;  // how often everybody was forgotten
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_POD_CALLERS_H_
