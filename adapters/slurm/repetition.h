// Verbs that wait, or run again and again beside a daemon in a pod.
#ifndef SIGNET_ADAPTERS_SLURM_REPETITION_H_
#define SIGNET_ADAPTERS_SLURM_REPETITION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/slurm/process.h"

namespace signet::slurm {

struct Repetition {
  absl::Duration every = absl::ZeroDuration();  // zero: once
  absl::Duration wait = absl::ZeroDuration();   // how long the first success may take; zero: one attempt
};

// "--name value" pairs into `values`, which holds the names that are allowed. INVALID_ARGUMENT / MALFORMED for another
// name, one that stands twice, a missing or empty value.
absl::Status ParseOptions(const std::vector<std::string>& arguments, std::map<std::string, std::string>* values);
// "60s" (1 s to 1 day); zero for an empty text. INVALID_ARGUMENT / MALFORMED.
absl::StatusOr<absl::Duration> ParsePause(const std::string& name, const std::string& text);

// Calls `work`, which says in a line what it did, or nothing. Without `every` and `wait` that is all. With `wait` it is
// called every second until it succeeds, or its last error is the answer. With `every` it is called again and again,
// and errors are lines on stderr; a line is printed when it is another than the last one. SIGTERM and SIGINT end a
// waiting or repeating run with OK, between two calls; a call that hangs ends the process (EndAfter).
absl::Status Repeat(const Repetition& repetition, const char* verb,
                    absl::FunctionRef<absl::StatusOr<std::string>(const Deadline&)> work);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_REPETITION_H_
