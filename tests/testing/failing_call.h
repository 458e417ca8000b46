// A call of a table that fails.
#ifndef SIGNET_TESTS_TESTING_FAILING_CALL_H_
#define SIGNET_TESTS_TESTING_FAILING_CALL_H_

#include <atomic>

#include "absl/status/status.h"
#include "services/base/reason.h"

namespace signet::testing {

// Counts down to the call that fails.
class FailingCall {
 public:
  // The `number`-th call from now on fails; none when it is 0.
  void Set(int number) {
    left_ = number;
    reached_ = false;
  }
  // Whether that call has come.
  bool reached() const { return reached_; }
  absl::Status Next() {
    if (left_ == 0 || --left_ > 0) return absl::OkStatus();
    reached_ = true;
    return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, "the disk does not answer");
  }

 private:
  std::atomic<int> left_{0};
  std::atomic<bool> reached_{false};
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAILING_CALL_H_
