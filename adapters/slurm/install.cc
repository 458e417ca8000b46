#include "adapters/slurm/install.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "adapters/slurm/verb.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {
constexpr char kProgram[] = "signet-slurm";
constexpr std::size_t kLargestProgram = 512u << 20;
}  // namespace

absl::Status Install(const std::string& dest) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::FailedPreconditionError(absl::StrCat("/proc/self/exe: ", error.message()));
  SIGNET_ASSIGN_OR_RETURN(const std::string program, files::Read(self.string(), kLargestProgram));
  SIGNET_RETURN_IF_ERROR(files::MakeDirectories(dest, 0755));
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(absl::StrCat(dest, "/", kProgram), program, {.mode = 0755}));
  for (const char* name : kScriptNames) {
    const std::string link = absl::StrCat(dest, "/", name);
    const std::string temporary = absl::StrCat(dest, "/.", name, ".", getpid());
    if (symlink(kProgram, temporary.c_str()) != 0 || rename(temporary.c_str(), link.c_str()) != 0) {
      const int reason = errno;
      unlink(temporary.c_str());
      return absl::FailedPreconditionError(absl::StrCat(link, ": ", strerror(reason)));
    }
  }
  return absl::OkStatus();
}

}  // namespace signet::slurm
