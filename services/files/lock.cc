#include "services/files/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"
#include "services/files/descriptor.h"

namespace signet::files {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(5);

absl::StatusOr<Descriptor> OpenLockFile(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (file.get() < 0) return FileError(errno, "open lock", path);
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat("lock ", path, " is no regular file"));
  return file;
}

// False when somebody removed the path: a lock on a nameless file excludes nobody.
bool StillNamed(const Descriptor& file, const std::string& path) {
  struct stat held = {};
  struct stat named = {};
  return fstat(file.get(), &held) == 0 && lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(Descriptor file, OpenLockFile(path));
    const bool locked = flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    if (locked && StillNamed(file, path)) return FileLock(file.release());
    if (!locked && errno != EWOULDBLOCK && errno != EINTR) return FileError(errno, "lock", path);
    const absl::Time now = absl::Now();
    if (!locked && now >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("another process holds the lock ", path));
    }
    if (!locked) absl::SleepFor(std::min(kPause, deadline - now));
  }
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace signet::files
