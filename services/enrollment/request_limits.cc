#include "services/enrollment/request_limits.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::enrollment {
namespace {

constexpr std::size_t kFirstPrune = 4096;

absl::Status TooMany(absl::string_view what) {
  return base::Refusal(absl::StatusCode::kResourceExhausted, base::kTooManyRequests, what, "try again in a second");
}

}  // namespace

RequestLimits::RequestLimits(const RequestRates& rates, const base::Clock& clock)
    : clock_(clock),
      rates_(rates),
      prune_at_(kFirstPrune),
      unproven_{static_cast<double>(rates.unproven_failures_per_second), clock.Now()} {}

bool RequestLimits::Take(Bucket& bucket, double burst, double per_second, absl::Time now) {
  // A clock that was set back fills nothing until it is where it was.
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled_at));
  bucket.left = std::min(burst, bucket.left + seconds * per_second);
  bucket.filled_at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

absl::Status RequestLimits::TakeProven(absl::string_view key_id) {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  const double burst = static_cast<double>(rates_.requests_per_key_per_minute);
  if (keys_.size() >= prune_at_) Prune(now);
  Bucket& bucket = keys_.try_emplace(std::string(key_id), Bucket{burst, now}).first->second;
  if (Take(bucket, burst, burst / 60, now)) return absl::OkStatus();
  return TooMany(absl::StrCat("this key has asked over ", rates_.requests_per_key_per_minute,
                              " times in a minute (limits.requests_per_key_per_minute)"));
}

absl::Status RequestLimits::TakeUnproven(absl::Status refusal) {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  const double rate = static_cast<double>(rates_.unproven_failures_per_second);
  if (Take(unproven_, rate, rate, now)) return refusal;
  return TooMany("too many requests that prove nothing (limits.unproven_failures_per_second)");
}

void RequestLimits::SetRates(const RequestRates& rates) {
  const base::MutexLock lock(mutex_);
  rates_ = rates;
}

void RequestLimits::Prune(absl::Time now) {
  // A bucket is full again a minute after its last use.
  for (auto key = keys_.begin(); key != keys_.end();) {
    const bool full = now - key->second.filled_at >= absl::Minutes(1);
    key = full ? keys_.erase(key) : std::next(key);
  }
  prune_at_ = std::max(kFirstPrune, keys_.size() * 2);
}

}  // namespace signet::enrollment
