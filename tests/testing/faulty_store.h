// The real store, failing on demand.
#ifndef SIGNET_TESTS_TESTING_FAULTY_STORE_H_
#define SIGNET_TESTS_TESTING_FAULTY_STORE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "services/base/reason.h"
#include "services/store/store.h"
#include "tests/testing/failing_tables.h"

namespace signet::testing {

class FaultyStore final : public store::Store {
 public:
  explicit FaultyStore(std::unique_ptr<store::Store> real) : real_(std::move(real)) {}

  // The next `count` commits fail after their work has run, and are undone.
  void FailCommits(int count) { failing_ = count; }
  // What WriteLater is given is lost, as in a crash.
  void LoseLaterWrites(bool lose) { losing_ = lose; }
  void FailScrubs(bool fail) { scrubbing_fails_ = fail; }
  // The `number`-th call of a table from now on fails, in a transaction or on a snapshot; none when it is 0. For tests
  // with one thread.
  void FailCall(int number) { fault_.Set(number); }
  bool failed_a_call() const { return fault_.reached(); }
  int writes() const { return writes_; }
  store::Store& real() { return *real_; }

  absl::Status Write(absl::FunctionRef<absl::Status(store::Tables&)> work) override {
    ++writes_;
    const bool fail = failing_.fetch_sub(1) > 0;
    if (!fail) failing_ = 0;
    return real_->Write([&](store::Tables& tables) -> absl::Status {
      FailingTables failing(tables, fault_);
      const absl::Status done = work(failing);
      if (!done.ok() || !fail) return done;
      return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, "the disk is full");
    });
  }
  void WriteLater(std::function<absl::Status(store::Tables&)> work) override {
    if (!losing_) real_->WriteLater(std::move(work));
  }
  absl::Status Scrub() override {
    if (scrubbing_fails_) return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, "it is read");
    return real_->Scrub();
  }
  absl::Status Read(absl::FunctionRef<absl::Status(const store::Tables&)> work) const override {
    return real_->Read([&](const store::Tables& tables) {
      // Const like the snapshot: only what reads can be called on it.
      const FailingTables failing(const_cast<store::Tables&>(tables), fault_);
      return work(failing);
    });
  }

 private:
  std::unique_ptr<store::Store> real_;
  std::atomic<int> failing_{0};
  std::atomic<bool> losing_{false};
  std::atomic<bool> scrubbing_fails_{false};
  std::atomic<int> writes_{0};
  mutable FailingCall fault_;
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAULTY_STORE_H_
