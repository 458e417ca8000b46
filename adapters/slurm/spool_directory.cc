#include "adapters/slurm/spool_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kLargestFile = 1 << 18;

absl::Status NotOurs(absl::string_view why, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, why, next);
}

absl::StatusOr<struct stat> StatOf(const files::Descriptor& opened, const std::string& path) {
  struct stat info = {};
  if (fstat(opened.get(), &info) != 0) return files::FileError(errno, "stat", path);
  if (info.st_uid != geteuid()) {
    return NotOurs(absl::StrCat(path, " belongs to uid ", info.st_uid, ", not to uid ", geteuid()),
                   absl::StrCat("chown ", geteuid(), " ", path));
  }
  return info;
}

}  // namespace

absl::StatusOr<SpoolDirectory> SpoolDirectory::Open(const std::string& path) {
  files::Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.get() < 0) {
    // Linux answers ENOTDIR for a link as well.
    if (errno == ENOTDIR || errno == ELOOP) {
      return NotOurs(absl::StrCat(path, " is a link or no directory"), absl::StrCat("ls -ld ", path));
    }
    return files::FileError(errno, "open", path);
  }
  SIGNET_ASSIGN_OR_RETURN(const struct stat info, StatOf(directory, path));
  if ((info.st_mode & 0022) != 0) {
    return NotOurs(absl::StrCat("others may write to ", path), absl::StrCat("chmod go-w ", path));
  }
  return SpoolDirectory(path, std::move(directory));
}

absl::StatusOr<SpoolFile> SpoolDirectory::Read(const std::string& name) const {
  const std::string file_path = absl::StrCat(path_, "/", name);
  // O_NONBLOCK: a FIFO in its place must not hold slurmd's start.
  const files::Descriptor file(
      openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    if (errno == ELOOP)
      return NotOurs(absl::StrCat(file_path, " is a symbolic link"), absl::StrCat("ls -l ", file_path));
    return files::FileError(errno, "open", file_path);
  }
  SIGNET_ASSIGN_OR_RETURN(const struct stat info, StatOf(file, file_path));
  if (!S_ISREG(info.st_mode)) {
    return NotOurs(absl::StrCat(file_path, " is not a regular file"), absl::StrCat("ls -l ", file_path));
  }
  // One buffer for all of it: growing would leave copies of a private key behind.
  std::string content(kLargestFile + 1, '\0');
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t got = read(file.get(), content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      base::WipeString(content);
      return files::FileError(error, "read", file_path);
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  content.resize(used);
  base::SecretBytes secret = base::SecretBytes::Take(content);
  if (used > kLargestFile) {
    return absl::InvalidArgumentError(absl::StrCat(file_path, " is larger than ", kLargestFile, " bytes"));
  }
  return SpoolFile{std::move(secret), absl::TimeFromTimespec(info.st_mtim)};
}

absl::Status SpoolDirectory::MoveAside(const std::string& name) const {
  const std::string aside = absl::StrCat(name, kAsideSuffix);
  if (renameat(directory_.get(), name.c_str(), directory_.get(), aside.c_str()) != 0) {
    return files::FileError(errno, "rename", absl::StrCat(path_, "/", name));
  }
  // Not synced, the rename may be undone by a power cut: then the next start does it again.
  return absl::OkStatus();
}

}  // namespace signet::slurm
