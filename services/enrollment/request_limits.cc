#include "services/enrollment/request_limits.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::enrollment {
namespace {

constexpr std::size_t kFirstPrune = 4096;

absl::Status TooMany(absl::string_view what, absl::Duration wait) {
  return base::Refusal(absl::StatusCode::kResourceExhausted, base::kTooManyRequests, what,
                       absl::StrCat("try again in ", absl::FormatDuration(absl::Ceil(wait, absl::Seconds(1)))));
}

absl::Status TooManyUnproven(int64_t per_minute, absl::Duration wait) {
  return TooMany(absl::StrCat("over ", per_minute,
                              " requests in a minute that prove nothing (limits.unproven_failures_per_minute)"),
                 wait);
}

}  // namespace

RequestLimits::RequestLimits(const RequestRates& rates, const base::Clock& clock)
    : clock_(clock),
      rates_(rates),
      prune_at_(kFirstPrune),
      unproven_{static_cast<double>(rates.unproven_failures_per_minute), clock.Now()} {}

absl::Duration RequestLimits::Wait(Bucket& bucket, double per_minute, absl::Time now) {
  // The step of a clock that was set back fills nothing; from there it fills as ever.
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled_at));
  bucket.left = std::min(per_minute, bucket.left + seconds * per_minute / 60);
  bucket.filled_at = now;
  return bucket.left < 1 ? absl::Minutes((1 - bucket.left) / per_minute) : absl::ZeroDuration();
}

absl::Duration RequestLimits::Take(Bucket& bucket, double per_minute, absl::Time now) {
  const absl::Duration wait = Wait(bucket, per_minute, now);
  if (wait == absl::ZeroDuration()) bucket.left -= 1;
  return wait;
}

absl::Status RequestLimits::TakeProven(absl::string_view key_id) {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  const double burst = static_cast<double>(rates_.requests_per_key_per_minute);
  if (keys_.size() >= prune_at_) Prune(now);
  Bucket& bucket = keys_.try_emplace(std::string(key_id), Bucket{burst, now}).first->second;
  const absl::Duration wait = Take(bucket, burst, now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return TooMany(absl::StrCat("this key has asked over ", rates_.requests_per_key_per_minute,
                              " times in a minute (limits.requests_per_key_per_minute)"),
                 wait);
}

absl::Status RequestLimits::TakeUnproven(absl::Status refusal) {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  const absl::Duration wait = Take(unproven_, static_cast<double>(rates_.unproven_failures_per_minute), now);
  if (wait == absl::ZeroDuration()) return refusal;
  return TooManyUnproven(rates_.unproven_failures_per_minute, wait);
}

absl::Status RequestLimits::RoomForUnproven() {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  const absl::Duration wait = Wait(unproven_, static_cast<double>(rates_.unproven_failures_per_minute), now);
  return wait == absl::ZeroDuration() ? absl::OkStatus() : TooManyUnproven(rates_.unproven_failures_per_minute, wait);
}

void RequestLimits::SetRates(const RequestRates& rates) {
  const base::MutexLock lock(mutex_);
  rates_ = rates;
}

std::size_t RequestLimits::remembered() const {
  const base::MutexLock lock(mutex_);
  return keys_.size();
}

void RequestLimits::Prune(absl::Time now) {
  // A bucket is full again a minute after its last use.
  for (auto key = keys_.begin(); key != keys_.end();) {
    // One that was used before the clock was set back waits a minute from here, and not until the clock is there again.
    key->second.filled_at = std::min(key->second.filled_at, now);
    const bool full = now - key->second.filled_at >= absl::Minutes(1);
    key = full ? keys_.erase(key) : std::next(key);
  }
  prune_at_ = std::max(kFirstPrune, keys_.size() * 2);
}

}  // namespace signet::enrollment
