#include "services/server/socket_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::server {
namespace {

absl::Status Refuse(absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status CheckFolder(const std::string& folder) {
  struct stat found = {};
  if (lstat(folder.c_str(), &found) != 0) return Refuse(absl::StrCat(folder, ": ", strerror(errno)));
  if (!S_ISDIR(found.st_mode)) return Refuse(absl::StrCat(folder, " is not a folder itself, or a symbolic link"));
  if (found.st_uid != 0 && found.st_uid != geteuid()) {
    return Refuse(absl::StrCat(folder, " belongs to user ", found.st_uid), absl::StrCat("chown root ", folder));
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Refuse(absl::StrFormat("%s has mode %04o: others could put a socket of their own there", folder,
                                  found.st_mode & 07777),
                  absl::StrCat("chmod go-w ", folder));
  }
  return absl::OkStatus();
}

// True when a process accepts connections at `path`.
bool SomebodyAnswers(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // Only a refusal proves that nobody listens: a full backlog is EAGAIN.
  const bool refused = result != 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

absl::StatusOr<std::optional<gid_t>> FindGroup(const SocketListener& listener) {
  std::vector<char> buffer(1 << 16);
  group entry = {};
  group* found = nullptr;
  const int error = getgrnam_r(listener.group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return std::optional<gid_t>(entry.gr_gid);
  if (error != 0) return Refuse(absl::StrCat("group ", listener.group, ": ", strerror(error)));
  if (!listener.group_required) return std::optional<gid_t>();
  return Refuse(absl::StrCat("there is no group ", listener.group, " for ", listener.path),
                absl::StrCat("groupadd --system ", listener.group));
}

}  // namespace

absl::Status PrepareSocketPath(const SocketListener& listener) {
  const std::string folder = FolderOf(listener.path);
  if (!files::Exists(folder)) SIGNET_RETURN_IF_ERROR(files::MakeDirectories(folder, 0755));
  SIGNET_RETURN_IF_ERROR(CheckFolder(folder));
  struct stat found = {};
  if (lstat(listener.path.c_str(), &found) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return Refuse(absl::StrCat(listener.path, ": ", strerror(errno)));
  }
  if (!S_ISSOCK(found.st_mode)) return Refuse(absl::StrCat(listener.path, " exists and is not a socket"));
  if (SomebodyAnswers(listener.path)) return Refuse(absl::StrCat("another server answers at ", listener.path));
  if (unlink(listener.path.c_str()) != 0) return Refuse(absl::StrCat(listener.path, ": ", strerror(errno)));
  return absl::OkStatus();
}

absl::Status OpenSocketTo(const SocketListener& listener, bool* owner_only) {
  *owner_only = false;
  mode_t mode = listener.mode;
  std::optional<gid_t> group;
  if (!listener.group.empty()) {
    SIGNET_ASSIGN_OR_RETURN(group, FindGroup(listener));
    if (!group.has_value()) {
      *owner_only = true;
      mode = 0600;
    }
  }
  const char* path = listener.path.c_str();
  // The group before the mode: the other way round the process's own group could connect in between.
  if (group.has_value() && lchown(path, static_cast<uid_t>(-1), *group) != 0) {
    return Refuse(absl::StrCat("cannot give ", listener.path, " to group ", listener.group, ": ", strerror(errno)),
                  absl::StrCat("usermod --append --groups ", listener.group, " signet"));
  }
  if (chmod(path, mode) != 0) return Refuse(absl::StrCat(listener.path, ": ", strerror(errno)));
  struct stat found = {};
  const bool right = lstat(path, &found) == 0 && S_ISSOCK(found.st_mode) && (found.st_mode & 07777) == mode &&
                     found.st_uid == geteuid() && (!group.has_value() || found.st_gid == *group);
  if (!right) return Refuse(absl::StrCat(listener.path, " is not the socket that was bound there"));
  return absl::OkStatus();
}

SocketUmask::SocketUmask() : before_(umask(0177)) {}
SocketUmask::~SocketUmask() { umask(static_cast<mode_t>(before_)); }

}  // namespace signet::server
