#include "cli/staged_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

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

absl::Status CheckCanCreateFilesIn(const std::string& directory) {
  std::string name = absl::StrCat(directory, "/.signetctl-XXXXXX");
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("cannot create files in ", directory, ": ", std::strerror(errno)),
                         "create the directory or name another one");
  }
  close(fd);
  unlink(name.c_str());
  return absl::OkStatus();
}

std::string StagedFiles::StagedName(const std::string& path) { return absl::StrCat(path, ".signetctl-new"); }
std::string StagedFiles::KeptName(const std::string& path) { return absl::StrCat(path, ".signetctl-old"); }

StagedFiles::~StagedFiles() {
  for (const File& file : files_) unlink(StagedName(file.path).c_str());
}

absl::Status StagedFiles::Add(const std::string& path, absl::string_view content, const files::WriteOptions& options) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(StagedName(path), content, options));
  files_.push_back({.path = path});
  return absl::OkStatus();
}

std::string StagedFiles::PutBack() {
  std::string stuck;
  for (const File& file : files_) {
    const std::string kept = KeptName(file.path);
    if (!file.replaced) {
      if (file.kept) unlink(kept.c_str());
    } else if (file.kept) {
      if (std::rename(kept.c_str(), file.path.c_str()) != 0) {
        absl::StrAppend(&stuck, "; ", file.path, " could not be put back: the old one is ", kept);
      }
    } else if (unlink(file.path.c_str()) != 0) {
      absl::StrAppend(&stuck, "; ", file.path, " is new and could not be removed");
    }
  }
  return stuck.empty() ? "; the old files are in place" : stuck;
}

absl::Status StagedFiles::Commit() {
  for (File& file : files_) {
    const std::string kept = KeptName(file.path);
    unlink(kept.c_str());  // of a run that was killed
    if (link(file.path.c_str(), kept.c_str()) == 0) {
      file.kept = true;
    } else if (errno != ENOENT) {
      const int error = errno;
      return absl::ErrnoToStatus(error, absl::StrCat("cannot keep the old ", file.path, " as ", kept, PutBack()));
    }
  }
  for (File& file : files_) {
    if (std::rename(StagedName(file.path).c_str(), file.path.c_str()) != 0) {
      const int error = errno;
      return absl::ErrnoToStatus(error, absl::StrCat("cannot replace ", file.path, PutBack()));
    }
    file.replaced = true;
  }
  for (const File& file : files_) {
    if (file.kept) unlink(KeptName(file.path).c_str());
  }
  for (const File& file : files_) SIGNET_RETURN_IF_ERROR(SyncDirectoryOf(file.path));
  return absl::OkStatus();
}

}  // namespace signet::cli
