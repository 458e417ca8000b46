// A Kubernetes API that knows the pods it was told of.
#ifndef SIGNET_TESTS_TESTING_FAKE_POD_REVIEWER_H_
#define SIGNET_TESTS_TESTING_FAKE_POD_REVIEWER_H_

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "services/base/mutex.h"
#include "services/base/reason.h"
#include "services/enrollment/pod_reviewer.h"

namespace signet::testing {

class FakePodReviewer final : public enrollment::PodReviewer {
 public:
  // From now on `token` is that of `pod`.
  void Know(const std::string& token, const enrollment::ReviewedPod& pod) {
    const base::MutexLock lock(mutex_);
    pods_[token] = pod;
  }
  void BeUnavailable(bool unavailable) { unavailable_ = unavailable; }
  // Runs during each review, on its caller's thread.
  void Meanwhile(std::function<void()> what) { meanwhile_ = std::move(what); }
  int reviews() const { return reviews_; }

  absl::StatusOr<enrollment::ReviewedPod> Review(absl::string_view token) override {
    ++reviews_;
    if (meanwhile_) meanwhile_();
    if (unavailable_) {
      return base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, "the API does not answer",
                           "try again");
    }
    const base::MutexLock lock(mutex_);
    const auto pod = pods_.find(std::string(token));
    if (pod != pods_.end()) return pod->second;
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kPodRefused, "the API does not know this token");
  }

 private:
  std::atomic<bool> unavailable_{false};
  std::atomic<int> reviews_{0};
  std::function<void()> meanwhile_;
  base::Mutex mutex_;
  std::map<std::string, enrollment::ReviewedPod> pods_ ABSL_GUARDED_BY(mutex_);
};

// A running pod that is the node `node`, made at `created_at`.
inline enrollment::ReviewedPod SlurmdPod(const std::string& node, const std::string& uid, absl::Time created_at) {
  enrollment::ReviewedPod pod;
  pod.service_account = "slurm/slurmd";
  pod.grants = "slurmd";
  pod.name_space = "slurm";
  pod.name = "worker-" + node;
  pod.uid = uid;
  pod.node = node;
  pod.created_at = created_at;
  pod.token_expires_at = created_at + absl::Hours(1);
  return pod;
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAKE_POD_REVIEWER_H_
