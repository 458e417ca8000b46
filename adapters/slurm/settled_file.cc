#include "adapters/slurm/settled_file.h"

#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/bundle/file_system.h"
#include "services/files/descriptor.h"

namespace signet::slurm {
namespace {

constexpr int kMostLinks = 40;  // the kernel's own limit

// The names of a path, the last one first.
std::vector<std::string> NamesBackwards(const std::string& path) {
  std::vector<std::string> names = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::reverse(names.begin(), names.end());
  return names;
}

// In doubt, it is.
bool IsOnNetwork(const std::string& path) {
  struct statfs info = {};
  return statfs(path.c_str(), &info) != 0 || bundle::IsNetworkFileSystem(static_cast<uint32_t>(info.f_type));
}

}  // namespace

absl::StatusOr<absl::Time> SettledAt(const std::string& path) {
  std::vector<std::string> rest = NamesBackwards(path);
  std::string here = "/";  // without a link in it
  absl::Time changed = absl::InfinitePast();
  bool network = false;
  struct stat info = {};
  for (int links = 0; !rest.empty();) {
    const std::string name = std::move(rest.back());
    rest.pop_back();
    const std::string next = absl::StrCat(here, absl::EndsWith(here, "/") ? "" : "/", name);
    if (lstat(next.c_str(), &info) != 0) return files::FileError(errno, "stat", next);
    if (!S_ISLNK(info.st_mode)) {
      here = std::filesystem::path(next).lexically_normal().string();
      continue;
    }
    if (++links > kMostLinks) return files::FileError(ELOOP, "follow", path);
    changed = std::max(changed, absl::TimeFromTimespec(info.st_ctim));
    network = network || IsOnNetwork(here);
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(next, error).string();
    if (error) return files::FileError(error.value(), "read", next);
    if (absl::StartsWith(target, "/")) here = "/";
    std::vector<std::string> names = NamesBackwards(target);
    std::move(names.begin(), names.end(), std::back_inserter(rest));
  }
  if (lstat(here.c_str(), &info) != 0) return files::FileError(errno, "stat", here);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is no regular file"));
  changed = std::max(changed, absl::TimeFromTimespec(info.st_ctim));
  return changed + (network || IsOnNetwork(here) ? kSettlesOverNetwork : kSettles);
}

}  // namespace signet::slurm
