#include "services/rpc/pod_callers.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "services/base/reason.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

absl::Status TooManyQuestions() {
  return base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable,
                       "too many service account tokens wait for the Kubernetes API", "try again in a second");
}

}  // namespace

PodCallers::Answer PodCallers::Identify(absl::string_view token, absl::string_view peer) {
  const std::string key = x509::Sha256(token);
  const auto question = std::make_shared<Question>();
  uint64_t era = 0;
  {
    const base::MutexLock lock(mutex_);
    const auto known = remembered_.find(key);
    const absl::Time now = clock_.Now();
    const bool counts = known != remembered_.end() && now < known->second.pod.token_expires_at;
    // A clock that was set back makes nothing fresh for longer.
    if (counts && now < known->second.fresh_until && known->second.fresh_until - now <= kPodFresh) {
      return known->second.pod;
    }
    // An answer by rules that have changed since is nobody's but theirs who asked before.
    era = era_;
    const auto asked = asking_.find({key, era});
    if (asked != asking_.end()) {
      // One call asks; the others take what is remembered, which was good a moment ago.
      if (counts) return known->second.pod;
      // The map lets go of it when it is answered.
      const std::shared_ptr<Question> theirs = asked->second;
      return Wait(*theirs);
    }
    // Strangers hold nobody back who is known: a controller's token that ended early is always found out.
    if (!counts && (asking_.size() >= kMostPodReviews || !strangers_.TakeProven(peer).ok())) return TooManyQuestions();
    asking_.emplace(TokenInEra{key, era}, question);
  }
  Answer answer = reviewer_.Review(token);
  const base::MutexLock lock(mutex_);
  question->answer = Judge(key, era, std::move(answer));
  asking_.erase({key, era});
  answered_.NotifyAll();
  return *question->answer;
}

PodCallers::Answer PodCallers::Wait(const Question& question) {
  if (waiting_ >= kMostPodWaits) return TooManyQuestions();
  ++waiting_;
  while (!question.answer.has_value()) answered_.Wait(mutex_);
  --waiting_;
  return *question.answer;
}

PodCallers::Answer PodCallers::Judge(const std::string& key, uint64_t era, Answer answer) {
  if (answer.ok()) {
    // An answer by rules that have changed since is good for this call at most.
    if (answer->grants == kControllerGrant && era == era_) Remember(key, *answer);
    return answer;
  }
  const auto known = remembered_.find(key);
  if (known == remembered_.end()) return answer;
  const absl::Time now = clock_.Now();
  if (!absl::IsUnavailable(answer.status()) || now >= known->second.pod.token_expires_at) {
    remembered_.erase(known);
    return answer;
  }
  known->second.fresh_until = now + kPodRetry;
  return known->second.pod;
}

void PodCallers::Remember(const std::string& key, const enrollment::ReviewedPod& pod) {
  const absl::Time now = clock_.Now();
  remembered_[key] = {pod, now + kPodFresh};
  if (remembered_.size() <= kMostPodsRemembered) return;
  // Tokens rotate: the one that ends first is the likeliest to have been replaced.
  remembered_.erase(std::min_element(remembered_.begin(), remembered_.end(), [](const auto& a, const auto& b) {
    return a.second.pod.token_expires_at < b.second.pod.token_expires_at;
  }));
}

void PodCallers::Forget() {
  const base::MutexLock lock(mutex_);
  ++era_;
  remembered_.clear();
}

}  // namespace signet::rpc
