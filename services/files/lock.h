// An exclusive lock on a path, held while the object lives.
#ifndef SIGNET_SERVICES_FILES_LOCK_H_
#define SIGNET_SERVICES_FILES_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace signet::files {

// flock(2) on a file that is created (0600) when missing. The kernel releases it when the process dies.
class FileLock {
 public:
  // Waits at most `timeout` (zero: one try). DEADLINE_EXCEEDED when another process holds it all that time.
  static absl::StatusOr<FileLock> Acquire(const std::string& path, absl::Duration timeout);
  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace signet::files

#endif  // SIGNET_SERVICES_FILES_LOCK_H_
