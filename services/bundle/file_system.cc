#include "services/bundle/file_system.h"

#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::bundle {
namespace {

constexpr std::array<uint32_t, 15> kNetworkTypes = {
    0x00006969,  // NFS
    0x0000517B,  // SMB
    0xFF534D42,  // CIFS
    0xFE534D42,  // SMB 2
    0x0BD00BD0,  // Lustre
    0x47504653,  // GPFS
    0x00C36400,  // Ceph
    0x19830326,  // BeeGFS
    0x65735546,  // FUSE
    0x01021997,  // 9P
    0x5346414F,  // AFS
    0x01161970,  // GFS2
    0x7461636F,  // OCFS2
    0x20030528,  // OrangeFS
    0x786F4256,  // VirtualBox shared folders
};

}  // namespace

bool IsNetworkFileSystem(uint32_t type) {
  return std::find(kNetworkTypes.begin(), kNetworkTypes.end(), type) != kNetworkTypes.end();
}

absl::StatusOr<bool> IsOursToWrite(const std::string& directory) {
  const auto failed = [&directory](int error) {
    if (error != EACCES && error != EPERM) {
      return absl::ErrnoToStatus(error, absl::StrCat("cannot look at the file system of ", directory));
    }
    return base::Refusal(
        absl::StatusCode::kPermissionDenied, base::kConfiguration,
        absl::StrCat("user ", geteuid(), " may not write into ", directory),
        geteuid() == 0 ? absl::StrCat("ls -ld ", directory, "; lsattr -d ", directory) : "run as root");
  };
  struct statfs info = {};
  if (statfs(directory.c_str(), &info) != 0) return failed(errno);
  if (IsNetworkFileSystem(static_cast<uint32_t>(info.f_type)) || (info.f_flags & ST_RDONLY) != 0) return false;
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return true;
  if (errno == EROFS) return false;
  return failed(errno);
}

}  // namespace signet::bundle
