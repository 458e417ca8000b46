// A file descriptor that closes itself, and errno in words.
#ifndef SIGNET_SERVICES_FILES_DESCRIPTOR_H_
#define SIGNET_SERVICES_FILES_DESCRIPTOR_H_

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::files {

// Owns an open descriptor; -1 owns nothing.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// The status of a failed system call on `path`: NOT_FOUND, PERMISSION_DENIED, ALREADY_EXISTS, RESOURCE_EXHAUSTED (disk,
// quota, file size or descriptors), FAILED_PRECONDITION (read-only file system, symbolic link); UNAVAILABLE for the
// rest, such as EIO. `doing` is a verb: "read", "write".
absl::Status FileError(int error, absl::string_view doing, const std::string& path);

}  // namespace signet::files

#endif  // SIGNET_SERVICES_FILES_DESCRIPTOR_H_
