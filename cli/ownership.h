// Users and groups by name or number.
#ifndef SIGNET_CLI_OWNERSHIP_H_
#define SIGNET_CLI_OWNERSHIP_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace signet::cli {

// "slurm" or "64030". A usage error when there is no such user (or group) on this host.
absl::StatusOr<uid_t> UserId(const std::string& user);
absl::StatusOr<gid_t> GroupId(const std::string& group);

}  // namespace signet::cli

#endif  // SIGNET_CLI_OWNERSHIP_H_
