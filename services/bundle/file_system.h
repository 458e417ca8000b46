// Whether a directory is ours to write a host's own files into.
#ifndef SIGNET_SERVICES_BUNDLE_FILE_SYSTEM_H_
#define SIGNET_SERVICES_BUNDLE_FILE_SYSTEM_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace signet::bundle {

// True for statfs(2)'s f_type of a network or cluster file system, and of FUSE, which hides what lies below.
bool IsNetworkFileSystem(uint32_t type);

// True when the directory is on a local file system that can be written, false when it is on a network or read-only
// one. PERMISSION_DENIED when it would be ours, but this user may not write there; NOT_FOUND when there is no such
// directory.
absl::StatusOr<bool> IsOursToWrite(const std::string& directory);

}  // namespace signet::bundle

#endif  // SIGNET_SERVICES_BUNDLE_FILE_SYSTEM_H_
