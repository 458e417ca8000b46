#include "adapters/slurm/repetition.h"

#include <signal.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/yaml/strict_reader.h"

namespace signet::slurm {
namespace {

constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kLongest = absl::Hours(24);
constexpr absl::Duration kBetweenAttempts = absl::Seconds(1);

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message, "signet-slurm --help");
}

// Signals wait here instead of ending the process, also where it is a container's first one, whose signals without a
// handler are dropped. Before any thread exists, so that none of them takes one.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&signals_);
    for (const int number : {SIGTERM, SIGINT}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  // True when one came within `pause`.
  bool CameWithin(absl::Duration pause) const {
    const Deadline end(pause);
    int signal_number = -1;
    do {
      const timespec left = absl::ToTimespec(end.left());
      signal_number = sigtimedwait(&signals_, nullptr, &left);
    } while (signal_number < 0 && end.left() > absl::ZeroDuration());
    return signal_number > 0;
  }

 private:
  sigset_t signals_ = {};
};

absl::StatusOr<std::string> CallOnce(const char* verb,
                                     absl::FunctionRef<absl::StatusOr<std::string>(const Deadline&)> work) {
  EndAfter(kTotalTime + absl::Milliseconds(200), verb);
  absl::StatusOr<std::string> line = work(Deadline(kTotalTime));
  EndAfter(absl::ZeroDuration(), verb);
  return line;
}

}  // namespace

absl::Status ParseOptions(const std::vector<std::string>& arguments, std::map<std::string, std::string>* values) {
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto value = values->find(arguments[i]);
    if (value == values->end())
      return Malformed(absl::StrCat("there is no option number ", i / 2 + 1, " of this name"));
    if (!value->second.empty()) return Malformed(absl::StrCat(value->first, " stands twice"));
    if (i + 1 == arguments.size() || arguments[i + 1].empty()) {
      return Malformed(absl::StrCat(value->first, " has no value"));
    }
    value->second = arguments[i + 1];
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> ParsePause(const std::string& name, const std::string& text) {
  if (text.empty()) return absl::ZeroDuration();
  absl::Duration pause;
  if (!yaml::ParseDuration(text, &pause).ok() || pause < kShortest || pause > kLongest) {
    return Malformed(absl::StrCat(name, " must be a time from 1s to 24h, such as 60s or 5m"));
  }
  return pause;
}

absl::Status Repeat(const Repetition& repetition, const char* verb,
                    absl::FunctionRef<absl::StatusOr<std::string>(const Deadline&)> work) {
  const bool once = repetition.every == absl::ZeroDuration();
  if (once && repetition.wait == absl::ZeroDuration()) {
    SIGNET_ASSIGN_OR_RETURN(const std::string line, CallOnce(verb, work));
    return Print(line);
  }
  const EndSignals signals;
  const Deadline waited(repetition.wait);
  absl::StatusOr<std::string> line = CallOnce(verb, work);
  while (!line.ok() && waited.left() > absl::ZeroDuration()) {
    if (signals.CameWithin(std::min(kBetweenAttempts, waited.left()))) return absl::OkStatus();
    line = CallOnce(verb, work);
  }
  if (!line.ok() && repetition.wait > absl::ZeroDuration()) {
    return base::Refusal(
        line.status().code(), base::ReasonOf(line.status()),
        absl::StrCat("no success within ", absl::FormatDuration(repetition.wait), ": ", line.status().message()),
        base::NextOf(line.status()));
  }
  std::string said;
  for (;;) {
    const std::string text = line.ok() ? *line : ErrorLine(verb, line.status());
    if (text != said && line.ok()) SIGNET_RETURN_IF_ERROR(Print(text));
    if (text != said && !line.ok()) PrintError(verb, line.status());
    said = text;
    if (once || signals.CameWithin(repetition.every)) return absl::OkStatus();
    line = CallOnce(verb, work);
  }
}

}  // namespace signet::slurm
