// How a command ends: exit codes, and what people and programs read on stderr.
#ifndef SIGNET_CLI_FAILURE_H_
#define SIGNET_CLI_FAILURE_H_

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "signet/v1/rotation.pb.h"

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

// OK when `reason` has 1 to 200 bytes, the server's bounds for what goes into the audit log; a usage error otherwise.
absl::Status CheckReason(absl::string_view option, absl::string_view reason, absl::string_view next);

// `status` with the RotationPlan that stands among the details of a serialized google.rpc.Status, if there is one: who
// keeps a gate closed.
absl::Status WithPlan(absl::Status status, const std::string& error_details);
std::optional<v1::RotationPlan> PlanOf(const absl::Status& status);

// "signetctl: <message>", a table of the blockers when the status has a plan, and, when there is one, "  next:
// <command>"; with `json` also one line of JSON: {"error":{"code":…,"reason":…,"message":…,"next":…}}, with "plan"
// when there is one. Times are told relative to `now`.
void Report(const absl::Status& status, bool json, absl::Time now, std::ostream& err);

// `text` with control characters (all but newlines) replaced: what others wrote must not drive the terminal.
std::string Printable(absl::string_view text);

}  // namespace signet::cli

#endif  // SIGNET_CLI_FAILURE_H_
