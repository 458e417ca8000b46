#include "services/files/descriptor.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace signet::files {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EROFS:
    case ELOOP:
      return absl::StatusCode::kFailedPrecondition;
    case EISDIR:
    case EINVAL:
    case ENAMETOOLONG:
    case ENXIO:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

std::string WordsOf(int error) {
  char buffer[128] = {};
  // The GNU strerror_r returns the text, which need not be in the buffer.
  return strerror_r(error, buffer, sizeof(buffer));
}

}  // namespace

absl::Status FileError(int error, absl::string_view doing, const std::string& path) {
  return absl::Status(CodeOf(error), absl::StrCat("cannot ", doing, " ", path, ": ", WordsOf(error)));
}

}  // namespace signet::files
