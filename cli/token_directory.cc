#include "cli/token_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::cli {
namespace {

std::string FileName(absl::string_view node) { return absl::StrCat(node, ".token"); }
std::string PendingName(absl::string_view node) { return absl::StrCat(".", node, ".token.pending"); }

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "writing a token file");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenDirectory> TokenDirectory::Open(const std::string& path) {
  if (!files::Exists(path)) SIGNET_RETURN_IF_ERROR(files::MakeDirectories(path, 0700));
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path, " as a directory"));
  TokenDirectory directory(path, fd);
  struct stat info {};
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, path);
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, " belongs to user ", info.st_uid, ", who can replace tokens in it"),
                         absl::StrCat("chown ", geteuid(), " ", path, ", or name another directory"));
  }
  if ((info.st_mode & 022) != 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, " can be written by others: tokens are secrets"),
                         absl::StrCat("chmod 0700 ", path));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("another signetctl is writing to ", path));
  }
  return directory;
}

TokenDirectory::~TokenDirectory() {
  if (fd_ >= 0) close(fd_);
}

std::string TokenDirectory::FilePath(absl::string_view node) const { return absl::StrCat(path_, "/", FileName(node)); }

bool TokenDirectory::HasFile(absl::string_view node) const {
  struct stat info {};
  return fstatat(fd_, FileName(node).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

bool TokenDirectory::HasPending(absl::string_view node) const {
  struct stat info {};
  return fstatat(fd_, PendingName(node).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

bool TokenDirectory::PendingIsFile(absl::string_view node) const {
  struct stat pending {};
  struct stat file {};
  return fstatat(fd_, PendingName(node).c_str(), &pending, AT_SYMLINK_NOFOLLOW) == 0 &&
         fstatat(fd_, FileName(node).c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0 && pending.st_ino == file.st_ino;
}

std::optional<evidence::Token> TokenDirectory::ReadFile(absl::string_view node) const {
  return ReadToken(FileName(node), node);
}

std::optional<evidence::Token> TokenDirectory::ReadPending(absl::string_view node) const {
  return ReadToken(PendingName(node), node);
}

std::optional<evidence::Token> TokenDirectory::ReadToken(absl::string_view name, absl::string_view node) const {
  absl::StatusOr<base::SecretBytes> text = files::ReadSecret(absl::StrCat(path_, "/", name));
  if (!text.ok()) return std::nullopt;
  absl::StatusOr<evidence::Token> token = evidence::ParseTokenFile(*text);
  if (!token.ok() || token->node != node) return std::nullopt;
  return *std::move(token);
}

absl::Status TokenDirectory::WritePending(absl::string_view node, const base::SecretBytes& text) {
  const std::string name = PendingName(node);
  if (unlinkat(fd_, name.c_str(), 0) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("replacing ", path_, "/", name));
  }
  const int fd = openat(fd_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("creating ", path_, "/", name));
  absl::Status status = WriteAll(fd, text.ExposeSecret());
  if (fchmod(fd, 0400) != 0 && status.ok()) status = absl::ErrnoToStatus(errno, name);
  if (close(fd) != 0 && status.ok()) status = absl::ErrnoToStatus(errno, name);
  if (!status.ok()) unlinkat(fd_, name.c_str(), 0);
  return status;
}

absl::Status TokenDirectory::Sync() {
  // One syncfs for a thousand files costs less than a thousand fsyncs.
  if (syncfs(fd_) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("syncing ", path_));
  return absl::OkStatus();
}

absl::Status TokenDirectory::Publish(absl::string_view node, bool replace) {
  const std::string pending = PendingName(node);
  const std::string file = FileName(node);
  if (replace) {
    if (renameat(fd_, pending.c_str(), fd_, file.c_str()) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, FilePath(node));
  }
  // link, unlike rename, fails on a name that appeared meanwhile.
  if (linkat(fd_, pending.c_str(), fd_, file.c_str(), 0) != 0) return absl::ErrnoToStatus(errno, FilePath(node));
  DropPending(node);
  return absl::OkStatus();
}

void TokenDirectory::DropPending(absl::string_view node) { unlinkat(fd_, PendingName(node).c_str(), 0); }

}  // namespace signet::cli
