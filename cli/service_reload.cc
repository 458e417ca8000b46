#include "cli/service_reload.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/child.h"
#include "cli/daemon_process.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

// What must lie between the last change of a file and the start of a process that certainly read it so: file systems
// and process tables tell the time coarsely. As signet-slurm has it.
constexpr absl::Duration kSettles = absl::Seconds(1);
// kSettles and more: the beginning of a process is told up to a second too early.
constexpr absl::Duration kPause = absl::Milliseconds(2500);
constexpr absl::Duration kRunLimit = absl::Minutes(2);
constexpr absl::Duration kLook = absl::Milliseconds(500);
constexpr int kLooks = 20;

}  // namespace

Loaded LookAt(const std::string& proc, const std::string& service, const ServiceFiles& files) {
  const absl::Time start = OldestStart(proc, service);
  return {.runs = start > absl::InfinitePast(),
          .bundle = start >= LastChange(files.ca) + kSettles,
          .certificate = start >= std::max(LastChange(files.pair.cert), LastChange(files.pair.key)) + kSettles};
}

std::string ReloadCommand(const std::string& service) {
  return service == "slurmctld" ? "scontrol reconfigure" : absl::StrCat("systemctl restart ", service);
}

absl::Status Reload(Session& session, const std::string& service, absl::string_view restart_command) {
  const std::string command =
      service == "slurmctld" ? "scontrol reconfigure" : absl::StrReplaceAll(restart_command, {{"{service}", service}});
  std::vector<std::string> words = absl::StrSplit(command, ' ', absl::SkipEmpty());
  const std::string program = words.empty() ? "" : FindProgram(session.path(), words[0]);
  const auto refuse = [&](absl::string_view what) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(service, " has not read its new files: ", what), ReloadCommand(service));
  };
  if (program.empty()) return refuse(absl::StrCat("no program for \"", command, "\" in PATH"));
  words[0] = program;
  const absl::Time before = OldestStart(session.proc(), service);
  session.Sleep(kPause);
  if (const absl::Status run = RunToEnd(words, kRunLimit); !run.ok()) return refuse(run.message());
  for (int i = 0; i < kLooks; ++i) {
    if (OldestStart(session.proc(), service) > before) return absl::OkStatus();
    session.Sleep(kLook);
  }
  return refuse(absl::StrCat("\"", command, "\" ran, but the old process goes on"));
}

}  // namespace signet::cli
