// A fixture's step that has to work for the test to mean anything.
#ifndef SIGNET_TESTS_TESTING_MUST_H_
#define SIGNET_TESTS_TESTING_MUST_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace signet::testing {

// Ends the test program, saying why, when `status` is an error.
inline void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "fixture: %s\n", status.ToString().c_str());
  std::abort();
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_MUST_H_
