// Another program, run without a shell.
#ifndef SIGNET_CLI_CHILD_H_
#define SIGNET_CLI_CHILD_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::cli {

// The absolute path of `name` in the first directory of `path` (as in $PATH) that has it; `name` itself when it is
// absolute; empty when there is none. Relative directories are passed over.
std::string FindProgram(absl::string_view path, absl::string_view name);

// Runs `words`, of which the first is an absolute path, and gives its standard output, whatever it is. nullopt when it
// cannot be started, says more than 4 MiB, or takes longer than `limit`. Its process group is gone on return.
std::optional<std::string> OutputOf(const std::vector<std::string>& words, absl::Duration limit);

// Runs `words` as above; what it says goes to standard error. FAILED_PRECONDITION unless it ends with exit code 0;
// where it takes longer than `limit` its process group is killed.
absl::Status RunToEnd(const std::vector<std::string>& words, absl::Duration limit);

}  // namespace signet::cli

#endif  // SIGNET_CLI_CHILD_H_
