// Bounds how often something happens.
#ifndef SIGNET_SERVICES_RPC_TOKEN_BUCKET_H_
#define SIGNET_SERVICES_RPC_TOKEN_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"

namespace signet::rpc {

// At most `per_second` in the long run, and that many at once. Thread-safe; `clock` must outlive this.
class TokenBucket {
 public:
  TokenBucket(double per_second, const base::Clock& clock)
      : per_second_(per_second), clock_(clock), tokens_(per_second), filled_at_(clock.Now()) {}

  // True when it may happen once more.
  bool Take() {
    const absl::Time now = clock_.Now();
    const base::MutexLock lock(mutex_);
    // A clock that was set back fills nothing until it is where it was.
    tokens_ = std::min(per_second_, tokens_ + std::max(0.0, absl::ToDoubleSeconds(now - filled_at_)) * per_second_);
    filled_at_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const double per_second_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  absl::Time filled_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_TOKEN_BUCKET_H_
