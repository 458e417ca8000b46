#include "services/base/mutex.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace signet::base {
namespace {

// What four threads count together; under ThreadSanitizer a lock that does not lock shows itself.
class Counter {
 public:
  void Add() {
    const MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  void WaitFor(int count) {
    const MutexLock lock(mutex_);
    while (count_ < count) changed_.Wait(mutex_);
  }
  bool WaitForNothing(std::chrono::nanoseconds timeout) {
    const MutexLock lock(mutex_);
    return changed_.WaitFor(mutex_, timeout);
  }
  int count() {
    const MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(Mutex, LetsOneThreadInAtATimeAndWakesWhoWaits) {
  Counter counter;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&counter] {
      for (int i = 0; i < 1000; ++i) counter.Add();
    });
  }
  counter.WaitFor(4000);
  EXPECT_EQ(counter.count(), 4000);
  for (std::thread& thread : threads) thread.join();
}

TEST(CondVar, SaysWhenTheTimeoutCameFirst) {
  Counter counter;
  // A spurious wake-up is allowed; a thousand in a row are not.
  bool timed_out = false;
  for (int i = 0; i < 1000 && !timed_out; ++i) timed_out = !counter.WaitForNothing(std::chrono::milliseconds(1));
  EXPECT_TRUE(timed_out);
}

}  // namespace
}  // namespace signet::base
