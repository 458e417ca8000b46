#include "adapters/slurm/running_program.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "adapters/slurm/host.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kLongestEntry = 1 << 16;

// /proc counts a start in ticks since the boot. Reckoned back from now rather than from the boot's own time, which
// /proc/stat rounds to a second and sums up every interrupt of a large host to tell.
absl::StatusOr<absl::Time> TimeOfTicks(absl::string_view ticks) {
  int64_t count = 0;
  timespec since_boot = {};
  const int64_t ticks_a_second = sysconf(_SC_CLK_TCK);
  if (!absl::SimpleAtoi(ticks, &count) || ticks_a_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) {
    return absl::FailedPreconditionError("no start time of a process");
  }
  const absl::Duration age = absl::DurationFromTimespec(since_boot) - absl::Seconds(1) * count / ticks_a_second;
  return absl::Now() - age;
}

absl::StatusOr<RunningProgram> ObserveEntry(const std::string& entry) {
  SIGNET_ASSIGN_OR_RETURN(const std::string stat, files::Read(entry + "/stat", kLongestEntry));
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return absl::FailedPreconditionError(absl::StrCat(entry, "/stat is in no known form"));
  }
  SIGNET_ASSIGN_OR_RETURN(const absl::Time started_at, TimeOfTicks(StartTimeFromStat(stat)));
  return RunningProgram{stat.substr(open + 1, close - open - 1), started_at};
}

// True when the process has an id of its own in a namespace below this one (line "NSpid:" of proc(5)).
bool IsInContainer(const std::string& entry) {
  const absl::StatusOr<std::string> status = files::Read(entry + "/status", kLongestEntry);
  if (!status.ok()) return false;
  for (const absl::string_view line : absl::StrSplit(*status, '\n')) {
    if (!absl::StartsWith(line, "NSpid:")) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    return words.size() > 2;
  }
  return false;
}

}  // namespace

absl::StatusOr<RunningProgram> ObserveProgram(pid_t pid, const std::string& proc) {
  return ObserveEntry(absl::StrCat(proc, "/", pid));
}

absl::StatusOr<std::vector<RunningProgram>> FindPrograms(const std::vector<std::string>& names,
                                                         const std::string& proc) {
  std::vector<RunningProgram> found;
  std::error_code error;
  std::filesystem::directory_iterator entries(proc, error);
  for (const std::filesystem::directory_iterator end; !error && entries != end; entries.increment(error)) {
    const std::string entry = entries->path().string();
    uint32_t pid = 0;
    if (!absl::SimpleAtoi(entries->path().filename().string(), &pid)) continue;
    absl::StatusOr<RunningProgram> program = ObserveEntry(entry);
    // One that ended meanwhile.
    if (!program.ok() || std::find(names.begin(), names.end(), program->name) == names.end()) continue;
    if (!IsInContainer(entry)) found.push_back(*std::move(program));
  }
  if (error) return absl::FailedPreconditionError(absl::StrCat(proc, ": ", error.message()));
  return found;
}

}  // namespace signet::slurm
