// The hosts and services that a command is about.
#ifndef SIGNET_CLI_HOST_SET_H_
#define SIGNET_CLI_HOST_SET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::cli {

// As NodesOf(), where the names of Slurm's services may stand between the others: "login[01-04],slurmdbd". Services
// first. A usage error with `next` otherwise.
absl::StatusOr<std::vector<std::string>> HostsOf(absl::string_view hostlist, absl::string_view next);

}  // namespace signet::cli

#endif  // SIGNET_CLI_HOST_SET_H_
