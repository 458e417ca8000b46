#include "adapters/slurm/host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/files/file.h"
#include "services/names/node_name.h"
#include "services/x509/public_key.h"

namespace signet::slurm {
namespace {

// The first line; empty when the file cannot be read.
std::string Line(const std::string& path) {
  const absl::StatusOr<std::string> text = files::Read(path, 4096);
  if (!text.ok()) return "";
  return std::string(absl::StripAsciiWhitespace(text->substr(0, text->find('\n'))));
}

// A diskless root gets a new id at each boot, which systemd mounts over the file from /run: it tells nothing about the
// machine.
bool IsTransient(const char* file, const char* directory) {
  struct stat file_info = {};
  struct stat directory_info = {};
  return stat(file, &file_info) == 0 && stat(directory, &directory_info) == 0 &&
         file_info.st_dev != directory_info.st_dev;
}

std::string MachineIdSha256() {
  if (IsTransient("/etc/machine-id", "/etc")) return "";
  const std::string id = Line("/etc/machine-id");
  // systemd writes this word until the first boot has ended.
  if (id.empty() || id == "uninitialized") return "";
  return x509::Sha256(absl::StrCat(std::string("signet/machine/v1\0", 18), id));
}

}  // namespace

std::string ShortHostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  const std::string full(name.data());
  return full.substr(0, full.find('.'));
}

std::string StartTimeFromStat(const std::string& stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 1), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  // The first of these is field 3.
  constexpr std::size_t kStartTime = 22 - 3;
  return fields.size() > kStartTime ? fields[kStartTime] : "";
}

Host ObserveHost() {
  Host host;
  host.uid = geteuid();
  host.name = ShortHostName();
  const std::string parent = absl::StrCat("/proc/", getppid());
  host.daemon = Line(parent + "/comm");
  if (!names::IsNodeDaemon(host.daemon)) host.daemon = host.uid == 0 ? "slurmd" : "sackd";
  const std::string start_time = StartTimeFromStat(Line(parent + "/stat"));
  if (!start_time.empty()) host.parent = absl::StrCat(getppid(), " ", start_time);
  host.boot_id = Line("/proc/sys/kernel/random/boot_id");
  host.machine_id_sha256 = MachineIdSha256();
  return host;
}

}  // namespace signet::slurm
