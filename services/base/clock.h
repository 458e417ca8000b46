// Time arrives through the constructor, so that tests decide what "now" is.
#ifndef SIGNET_SERVICES_BASE_CLOCK_H_
#define SIGNET_SERVICES_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace signet::base {

// Tells the time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The machine's wall clock.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

// Stands still until told otherwise.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now) : nanos_(absl::ToUnixNanos(now)) {}
  absl::Time Now() const override { return absl::FromUnixNanos(nanos_.load()); }
  void Advance(absl::Duration by) { nanos_.fetch_add(absl::ToInt64Nanoseconds(by)); }
  void Set(absl::Time now) { nanos_.store(absl::ToUnixNanos(now)); }

 private:
  std::atomic<int64_t> nanos_;
};

}  // namespace signet::base

#endif  // SIGNET_SERVICES_BASE_CLOCK_H_
