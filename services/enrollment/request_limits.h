// How often a node may ask, and how often nobody in particular may.
#ifndef SIGNET_SERVICES_ENROLLMENT_REQUEST_LIMITS_H_
#define SIGNET_SERVICES_ENROLLMENT_REQUEST_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"

namespace signet::enrollment {

// What an administrator may set.
struct RequestRates {
  // Of one verified key (an identity key, or a token that admits a new one), in a minute and at once. Slurm's own life
  // needs two calls for an enrolment and one for a renewal, repeated every 10 s while something is wrong.
  int64_t requests_per_key_per_minute = 60;
  // Failed requests in a minute and at once, in all, of callers that proved to be nobody. Each is one audit record.
  int64_t unproven_failures_per_minute = 60;
};

// Verification comes first, so that a limit is only ever spent by its owner: whoever floods in another's name fails to
// prove it, and spends the bucket that all such failures share. Thread-safe; `clock` must outlive this.
class RequestLimits {
 public:
  RequestLimits(const RequestRates& rates, const base::Clock& clock);

  // One request whose signature by `key_id` held. RESOURCE_EXHAUSTED / TOO_MANY_REQUESTS beyond the rate, naming the
  // limit and the wait.
  absl::Status TakeProven(absl::string_view key_id);
  // `refusal` of a request that proved nothing; beyond the rate RESOURCE_EXHAUSTED / TOO_MANY_REQUESTS in its place,
  // which is counted and not recorded one by one.
  absl::Status TakeUnproven(absl::Status refusal);
  // Takes nothing: OK while TakeUnproven would let a refusal through, else what it would answer. Asked before work
  // whose failure is spent only afterwards.
  absl::Status RoomForUnproven();
  // Takes over new rates; what was spent stays spent.
  void SetRates(const RequestRates& rates);
  // How many keys are in memory.
  std::size_t remembered() const;

 private:
  struct Bucket {
    double left = 0;
    absl::Time filled_at;
  };
  // How long until there is one to take; `per_minute` is what fits in, too.
  static absl::Duration Wait(Bucket& bucket, double per_minute, absl::Time now);
  // Takes one and gives zero; when none is left takes nothing and gives how long until there is.
  static absl::Duration Take(Bucket& bucket, double per_minute, absl::Time now);
  // Forgets full buckets when there are too many; they are as good as new. What stays is at most twice the keys of one
  // minute.
  void Prune(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  RequestRates rates_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Bucket> keys_ ABSL_GUARDED_BY(mutex_);
  std::size_t prune_at_ ABSL_GUARDED_BY(mutex_);
  Bucket unproven_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_REQUEST_LIMITS_H_
