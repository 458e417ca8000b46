// Bounded reads, and writes that are whole and durable or did not happen.
#ifndef SIGNET_SERVICES_FILES_FILE_H_
#define SIGNET_SERVICES_FILES_FILE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"

namespace signet::files {

// Reads a regular file, or what a symbolic link to one leads to (a ConfigMap is such a link), of at most `limit` bytes.
// NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (too large, not a regular file).
absl::StatusOr<std::string> Read(const std::string& path, std::size_t limit = 1 << 20);

// What a secret file's metadata must be. Judged on the open descriptor, so the file cannot be swapped in between.
struct SecretFileRules {
  bool allow_group_read = false;  // 0640 and 0440 pass when true
  bool allow_symlink = false;
};
// Reads a secret: refuses a file that others (or, unless allowed, the group) can read or write, that is not owned by
// root or the effective user, or that is a symbolic link. FAILED_PRECONDITION names the chmod or chown to type.
absl::StatusOr<base::SecretBytes> ReadSecret(const std::string& path, const SecretFileRules& rules = {},
                                             std::size_t limit = 1 << 16);

// Where and how a file is to appear.
struct WriteOptions {
  mode_t mode = 0644;
  uid_t owner = static_cast<uid_t>(-1);  // -1: leave as created
  gid_t group = static_cast<gid_t>(-1);
  bool exclusive = false;  // ALREADY_EXISTS when the path exists
};
// Temporary file in the same directory (mode set before content), fsync, rename, fsync of the directory. A kill at any
// point leaves the old content or the new one. RESOURCE_EXHAUSTED on a full disk; no temporary file stays behind on an
// error.
absl::Status WriteAtomically(const std::string& path, absl::string_view content, const WriteOptions& options = {});

// Removes the temporary files that killed writers of this very path left beside it, which hold what it would have held:
// private keys, too. Only for who holds the lock that all writers of `path` take: a living writer's file looks the
// same. OK when there are none, or no directory. INVALID_ARGUMENT for a name of more than 200 characters.
absl::Status RemoveTemporaries(const std::string& path);

// Creates `path` with `mode` and missing parents with 0755, whatever the umask. What exists already keeps its mode.
// Refuses a symbolic link or a file in the place of `path`.
absl::Status MakeDirectories(const std::string& path, mode_t mode);

// Removes a file durably; OK when it is already gone.
absl::Status Remove(const std::string& path);
bool Exists(const std::string& path);

}  // namespace signet::files

#endif  // SIGNET_SERVICES_FILES_FILE_H_
