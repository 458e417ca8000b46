#include "services/files/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/descriptor.h"

namespace signet::files {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kMaxNameChars = 200;  // what of a file's name goes into its temporary file's
constexpr absl::string_view kRandomPart = "XXXXXX";

absl::Status CheckPath(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("path: empty or with a NUL in it");
  }
  return absl::OkStatus();
}

// The directory part, "." for a bare name.
std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// What a temporary file's name begins with; mkostemp(3) replaces kRandomPart, which follows.
std::string TemporaryPrefix(const std::string& name) { return absl::StrCat(".", name.substr(0, kMaxNameChars), "."); }

bool IsTemporaryOf(const std::string& prefix, absl::string_view name) {
  return absl::ConsumePrefix(&name, prefix) && name.size() == kRandomPart.size() &&
         std::all_of(name.begin(), name.end(), absl::ascii_isalnum);
}

// O_NONBLOCK keeps a FIFO in the file's place from holding us for ever.
absl::StatusOr<Descriptor> OpenForReading(const std::string& path, int extra_flags) {
  SIGNET_RETURN_IF_ERROR(CheckPath(path));
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | extra_flags));
  if (file.get() >= 0) return file;
  if (errno == ELOOP && (extra_flags & O_NOFOLLOW) != 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, " is a symbolic link, which a secret's path must not be"),
                         absl::StrCat("ls -l ", path));
  }
  return FileError(errno, "open", path);
}

absl::StatusOr<struct stat> StatRegular(const Descriptor& file, const std::string& path) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  return info;
}

// Appends to `content`, whose capacity a caller with a secret has reserved: growing would leave copies behind.
absl::Status ReadAll(const Descriptor& file, const std::string& path, std::size_t limit, std::string& content) {
  std::size_t used = 0;
  while (true) {
    content.resize(std::min(used + kChunk, limit + 1));
    const ssize_t got = read(file.get(), content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    used += static_cast<std::size_t>(got);
    if (used > limit) return absl::InvalidArgumentError(absl::StrCat(path, " is larger than ", limit, " bytes"));
    if (got == 0) break;
  }
  content.resize(used);
  return absl::OkStatus();
}

absl::Status CheckSecretMetadata(const struct stat& info, const std::string& path, const SecretFileRules& rules) {
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat(path, " belongs to uid ", info.st_uid, "; a secret must belong to root or to uid ", geteuid()),
        absl::StrCat("chown ", geteuid(), " ", path));
  }
  const mode_t refused = rules.allow_group_read ? 0037 : 0077;
  if ((info.st_mode & refused) != 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrFormat("%s has mode %04o; %s", path, info.st_mode & 07777,
                                         rules.allow_group_read ? "the group may at most read it, others nothing"
                                                                : "only its owner may read or write it"),
                         absl::StrCat("chmod ", rules.allow_group_read ? "0440 " : "0400 ", path));
  }
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& directory) {
  Descriptor opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return FileError(errno, "open", directory);
  // EINVAL: a file system that has nothing to sync for a directory.
  if (fsync(opened.get()) != 0 && errno != EINVAL) return FileError(errno, "sync", directory);
  return absl::OkStatus();
}

absl::Status WriteAll(const Descriptor& file, absl::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t wrote = write(file.get(), content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FileError(errno, "write", path);
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> OpenDirectory(const std::string& path) {
  Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.get() >= 0) return directory;
  if (errno == ELOOP || errno == ENOTDIR) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is in the way: it is no directory"));
  }
  return FileError(errno, "open directory", path);
}

// The temporary file, removed unless it became the real one.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string name) : name_(std::move(name)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) unlink(name_.c_str());
  }
  const char* name() const { return name_.c_str(); }
  void Renamed() { name_.clear(); }

 private:
  std::string name_;
};

absl::Status Fill(const Descriptor& file, const std::string& path, absl::string_view content,
                  const WriteOptions& options) {
  const bool keep_owner = options.owner == static_cast<uid_t>(-1) && options.group == static_cast<gid_t>(-1);
  if (!keep_owner && fchown(file.get(), options.owner, options.group) != 0) return FileError(errno, "chown", path);
  if (fchmod(file.get(), options.mode) != 0) return FileError(errno, "chmod", path);
  SIGNET_RETURN_IF_ERROR(WriteAll(file, content, path));
  if (fsync(file.get()) != 0) return FileError(errno, "sync", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> Read(const std::string& path, std::size_t limit) {
  SIGNET_ASSIGN_OR_RETURN(const Descriptor file, OpenForReading(path, 0));
  SIGNET_RETURN_IF_ERROR(StatRegular(file, path).status());
  std::string content;
  SIGNET_RETURN_IF_ERROR(ReadAll(file, path, limit, content));
  return content;
}

absl::StatusOr<base::SecretBytes> ReadSecret(const std::string& path, const SecretFileRules& rules, std::size_t limit) {
  SIGNET_ASSIGN_OR_RETURN(const Descriptor file, OpenForReading(path, rules.allow_symlink ? 0 : O_NOFOLLOW));
  SIGNET_ASSIGN_OR_RETURN(const struct stat info, StatRegular(file, path));
  SIGNET_RETURN_IF_ERROR(CheckSecretMetadata(info, path, rules));
  std::string content;
  content.reserve(limit + 1);
  const absl::Status read = ReadAll(file, path, limit, content);
  base::SecretBytes secret = base::SecretBytes::Take(content);
  if (!read.ok()) return read;
  return secret;
}

absl::Status WriteAtomically(const std::string& path, absl::string_view content, const WriteOptions& options) {
  SIGNET_RETURN_IF_ERROR(CheckPath(path));
  const std::string directory = DirectoryOf(path);
  const std::string base_name = NameOf(path);
  if (base_name.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " names a directory, not a file"));
  std::string name = absl::StrCat(directory, "/", TemporaryPrefix(base_name), kRandomPart);
  Descriptor file(mkostemp(name.data(), O_CLOEXEC));  // O_EXCL, 0600
  if (file.get() < 0) return FileError(errno, "create a file beside", path);
  TemporaryFile temporary(std::move(name));
  SIGNET_RETURN_IF_ERROR(Fill(file, path, content, options));
  if (options.exclusive) {
    if (link(temporary.name(), path.c_str()) != 0) return FileError(errno, "create", path);
  } else {
    if (rename(temporary.name(), path.c_str()) != 0) return FileError(errno, "replace", path);
    temporary.Renamed();
  }
  return SyncDirectory(directory);
}

absl::Status RemoveTemporaries(const std::string& path) {
  SIGNET_RETURN_IF_ERROR(CheckPath(path));
  const std::string base_name = NameOf(path);
  // A longer name shares its temporaries' names with others, which another lock may guard.
  if (base_name.empty() || base_name.size() > kMaxNameChars) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": its name must have 1 to ", kMaxNameChars, " characters"));
  }
  const std::string directory = DirectoryOf(path);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), &closedir);
  if (entries == nullptr) return errno == ENOENT ? absl::OkStatus() : FileError(errno, "open directory", directory);
  const std::string prefix = TemporaryPrefix(base_name);
  bool removed = false;
  while (true) {
    errno = 0;
    const dirent* const entry = readdir(entries.get());
    if (entry == nullptr) break;
    struct stat info = {};
    if (!IsTemporaryOf(prefix, entry->d_name) ||
        fstatat(dirfd(entries.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
      continue;
    }
    if (unlinkat(dirfd(entries.get()), entry->d_name, 0) != 0 && errno != ENOENT) {
      return FileError(errno, "remove", absl::StrCat(directory, "/", entry->d_name));
    }
    removed = true;
  }
  if (errno != 0) return FileError(errno, "list", directory);
  return removed ? SyncDirectory(directory) : absl::OkStatus();
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  SIGNET_RETURN_IF_ERROR(CheckPath(path));
  std::string wanted = path;
  while (wanted.size() > 1 && wanted.back() == '/') wanted.pop_back();
  for (std::size_t end = wanted.find('/', 1);; end = wanted.find('/', end + 1)) {
    const bool last = end == std::string::npos;
    const std::string part = wanted.substr(0, end);
    const mode_t part_mode = last ? mode : 0755;
    const bool made = mkdir(part.c_str(), part_mode) == 0;
    if (!made && errno != EEXIST) return FileError(errno, "create directory", part);
    if (made || last) {  // A parent that was there may be a link, such as /var/run.
      SIGNET_ASSIGN_OR_RETURN(const Descriptor directory, OpenDirectory(part));
      // mkdir was narrowed by the umask.
      if (made && fchmod(directory.get(), part_mode) != 0) return FileError(errno, "chmod", part);
    }
    if (made) SIGNET_RETURN_IF_ERROR(SyncDirectory(DirectoryOf(part)));
    if (last) return absl::OkStatus();
  }
}

absl::Status Remove(const std::string& path) {
  SIGNET_RETURN_IF_ERROR(CheckPath(path));
  if (unlink(path.c_str()) != 0) return errno == ENOENT ? absl::OkStatus() : FileError(errno, "remove", path);
  return SyncDirectory(DirectoryOf(path));
}

bool Exists(const std::string& path) {
  struct stat info = {};
  return CheckPath(path).ok() && lstat(path.c_str(), &info) == 0;
}

}  // namespace signet::files
