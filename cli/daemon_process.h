// Since when a service's process runs.
#ifndef SIGNET_CLI_DAEMON_PROCESS_H_
#define SIGNET_CLI_DAEMON_PROCESS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::cli {

// When the oldest process with the name `program` (its comm) began, as `proc` (/proc) says, or up to a second before;
// InfinitePast when there is none, or in doubt. The oldest: while slurmctld hands over to its successor at `scontrol
// reconfigure` there are two.
absl::Time OldestStart(const std::string& proc, absl::string_view program);

// When the file, or the link that leads to it, got its present content and name, or later: on a network file system,
// five minutes are added, since another host's clock says so. InfiniteFuture when there is none.
absl::Time LastChange(const std::string& path);

}  // namespace signet::cli

#endif  // SIGNET_CLI_DAEMON_PROCESS_H_
