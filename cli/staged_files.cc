#include "cli/staged_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

std::string Staged(const std::string& path) { return absl::StrCat(path, ".signetctl-new"); }

absl::Status SyncDirectoryOf(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const int fd = open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", directory));
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, absl::StrCat("syncing ", directory));
}

}  // namespace

StagedFiles::~StagedFiles() {
  for (const std::string& path : paths_) unlink(Staged(path).c_str());
}

absl::Status StagedFiles::Add(const std::string& path, absl::string_view content, const files::WriteOptions& options) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(Staged(path), content, options));
  paths_.push_back(path);
  return absl::OkStatus();
}

absl::Status StagedFiles::Commit() {
  std::vector<std::string> replaced;
  while (!paths_.empty()) {
    const std::string path = paths_.front();
    if (std::rename(Staged(path).c_str(), path.c_str()) != 0) {
      const int error = errno;
      return absl::ErrnoToStatus(error, absl::StrCat("cannot replace ", path, "; already replaced: ",
                                                     replaced.empty() ? "nothing" : absl::StrJoin(replaced, ", "),
                                                     "; restart nothing and repeat the command"));
    }
    replaced.push_back(path);
    paths_.erase(paths_.begin());
  }
  for (const std::string& path : replaced) SIGNET_RETURN_IF_ERROR(SyncDirectoryOf(path));
  return absl::OkStatus();
}

}  // namespace signet::cli
