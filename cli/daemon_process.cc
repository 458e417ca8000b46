#include "cli/daemon_process.h"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/bundle/file_system.h"

namespace signet::cli {
namespace {

constexpr absl::Duration kClocksDiffer = absl::Minutes(5);

// Files below /proc have no size.
std::string ReadProc(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<absl::Time> BootTime(const std::string& proc) {
  const std::string text = ReadProc(proc + "/stat");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    int64_t seconds = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtoi(line, &seconds)) return absl::FromUnixSeconds(seconds);
  }
  return std::nullopt;
}

// proc(5): field 22 of stat, in clock ticks since the boot. The second field, the name, may hold blanks and brackets.
std::optional<absl::Duration> StartAfterBoot(const std::string& stat) {
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(stat).substr(bracket + 1), ' ', absl::SkipEmpty());
  constexpr std::size_t kStart = 22 - 3;  // the first one after the name is the third
  int64_t ticks = 0;
  const long per_second = sysconf(_SC_CLK_TCK);
  if (fields.size() <= kStart || per_second <= 0 || !absl::SimpleAtoi(fields[kStart], &ticks)) return std::nullopt;
  return absl::Seconds(1) * ticks / per_second;
}

}  // namespace

absl::Time OldestStart(const std::string& proc, absl::string_view program) {
  const std::optional<absl::Time> boot = BootTime(proc);
  std::error_code error;
  std::filesystem::directory_iterator entries(proc, error);
  if (!boot.has_value() || error) return absl::InfinitePast();
  std::optional<absl::Time> oldest;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!std::all_of(name.begin(), name.end(), absl::ascii_isdigit)) continue;
    const std::string comm = ReadProc(entries->path() / "comm");
    if (absl::StripTrailingAsciiWhitespace(comm) != program) continue;
    const std::optional<absl::Duration> start = StartAfterBoot(ReadProc(entries->path() / "stat"));
    if (!start.has_value()) return absl::InfinitePast();
    oldest = std::min(oldest.value_or(absl::InfiniteFuture()), *boot + *start);
  }
  return error ? absl::InfinitePast() : oldest.value_or(absl::InfinitePast());
}

absl::Time LastChange(const std::string& path) {
  struct stat link {};
  struct stat file {};
  struct statfs system {};
  if (lstat(path.c_str(), &link) != 0 || stat(path.c_str(), &file) != 0 || statfs(path.c_str(), &system) != 0)
    return absl::InfiniteFuture();
  const absl::Time changed = std::max(absl::TimeFromTimespec(link.st_ctim), absl::TimeFromTimespec(file.st_ctim));
  // Another host's clock told that time.
  const bool network = bundle::IsNetworkFileSystem(static_cast<uint32_t>(system.f_type));
  return network ? changed + kClocksDiffer : changed;
}

}  // namespace signet::cli
