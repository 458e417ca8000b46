// How a command ends: exit codes, and what people and programs read on stderr.
#ifndef SIGNET_CLI_FAILURE_H_
#define SIGNET_CLI_FAILURE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitGateClosed = 4;

// The command line, or a file it names, cannot be used. `next`: what to type instead.
absl::Status UsageError(absl::string_view message, absl::string_view next = "");

// Gate closed by its reason, unreachable by code, usage by UsageError; everything else was refused.
int ExitCodeOf(const absl::Status& status);

// "signetctl: <message>" and, when there is one, "  next: <command>"; with `json` also one line of JSON:
// {"error":{"code":…,"reason":…,"message":…,"next":…}}.
void Report(const absl::Status& status, bool json, std::ostream& err);

// `text` with control characters (all but newlines) replaced: what others wrote must not drive the terminal.
std::string Printable(absl::string_view text);

}  // namespace signet::cli

#endif  // SIGNET_CLI_FAILURE_H_
