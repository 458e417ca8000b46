// What a process that Slurm starts must settle before it does anything, and how it speaks when it is done.
#ifndef SIGNET_ADAPTERS_SLURM_PROCESS_H_
#define SIGNET_ADAPTERS_SLURM_PROCESS_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::slurm {

// Slurm kills a script after 5 s; a server in a list gets its share, so that the next one is reached in time.
inline constexpr absl::Duration kTotalTime = absl::Milliseconds(3800);
inline constexpr absl::Duration kTimePerServer = absl::Milliseconds(1200);

// How much of the total is left. By the monotonic clock: a wall clock that jumps does not move it.
class Deadline {
 public:
  explicit Deadline(absl::Duration total) : end_(std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(total)) {}
  // Zero when the time is over.
  absl::Duration left() const {
    const absl::Duration rest = absl::FromChrono(end_ - std::chrono::steady_clock::now());
    return rest < absl::ZeroDuration() ? absl::ZeroDuration() : rest;
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// First thing in main(). Descriptors 0, 1 and 2 exist afterwards, so that no file that is opened later is taken for one
// of them; every signal that ends a process ends this one (a script that Slurm's SIGTERM ends with exit 0 would count
// as a success); SIGPIPE is an error of write(2); umask 077; no core dump; OpenSSL reads no configuration. Error:
// descriptor 1 was closed, so nothing can be answered.
absl::Status PrepareForSlurm();

// Ends the process with `exit_code` and one line on stderr when `total` has passed, whatever hangs (a network file
// system, say); zero: not any more. `verb` must outlive the process. For a script the code is never 0.
void EndAfter(absl::Duration total, const char* verb, int exit_code = 1);

// Writes all of `output` to stdout. Error: the reader is gone or the disk is full.
absl::Status Print(absl::string_view output);

// "signet-slurm <verb>: <what>; <what to type next>", always exactly one line.
std::string ErrorLine(absl::string_view verb, const absl::Status& status);
// Writes that line to stderr.
void PrintError(absl::string_view verb, const absl::Status& status);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_PROCESS_H_
