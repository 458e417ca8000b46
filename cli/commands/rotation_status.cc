#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/table.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr absl::Duration kPollInterval = absl::Seconds(5);
// A signetd that restarts does not end a wait of days.
constexpr int kMostFailures = 12;

std::string StepText(v1::RotationStep step) { return EnumText(v1::RotationStep_Name(step), "ROTATION_STEP_"); }

std::string Text(const v1::GetRotationStatusResponse& status, absl::Time now) {
  FieldList fields;
  fields.Add("rotation", StepText(status.step()));
  if (status.has_since()) fields.Add("since", FullTime(FromProto(status.since()), now));
  if (status.has_authority())
    fields.Add("authority", absl::StrCat(status.authority().id(), " ", status.authority().subject()));
  fields.Add("trust bundle", absl::StrCat("generation ", status.bundle_generation()));
  std::string text = absl::StrCat(fields.Text(), Printable(status.summary()), "\n");
  if (!status.blockers().empty()) absl::StrAppend(&text, "\n", BlockerRows(status.blockers(), now));
  const bool told = !status.blockers().empty() && status.blockers(0).next() == status.next();
  if (!status.next().empty() && !told) absl::StrAppend(&text, "  next: ", Printable(status.next()), "\n");
  if (!status.warning().empty()) {
    absl::StrAppend(&text, "warning: ", Printable(status.warning()), "\n  next: ", Printable(status.warning_next()),
                    "\n");
  }
  return text;
}

// One line for each blocker, without what changes by itself.
std::set<std::string> LinesOf(const v1::GetRotationStatusResponse& status) {
  std::set<std::string> lines;
  for (const v1::RotationBlocker& blocker : status.blockers()) {
    lines.insert(absl::StrCat(WhoBlocks(blocker), ": ", blocker.cause()));
  }
  return lines;
}

// What is another than before, on stderr: the answer itself comes at the end.
void NoteChanges(Session& session, const v1::GetRotationStatusResponse& before,
                 const v1::GetRotationStatusResponse& after) {
  const std::string at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ ", session.Now(), absl::UTCTimeZone());
  if (before.step() != after.step() || before.authority().id() != after.authority().id()) {
    session.Note(absl::StrCat(at, "now ", StepText(after.step()), " ", after.authority().id()));
  }
  const std::set<std::string> old_lines = LinesOf(before);
  const std::set<std::string> lines = LinesOf(after);
  for (const std::string& line : old_lines) {
    if (lines.count(line) == 0) session.Note(absl::StrCat(at, "no longer: ", line));
  }
  for (const std::string& line : lines) {
    if (old_lines.count(line) == 0) session.Note(absl::StrCat(at, "blocked by ", line));
  }
}

absl::StatusOr<v1::GetRotationStatusResponse> Ask(Session& session) {
  return session.Call(&v1::CertAuthority::Stub::GetRotationStatus, v1::GetRotationStatusRequest());
}

// The first answer without blockers.
absl::StatusOr<v1::GetRotationStatusResponse> WaitUntilOpen(Session& session, v1::GetRotationStatusResponse status) {
  NoteChanges(session, {}, status);
  for (int failures = 0; !status.blockers().empty();) {
    session.Sleep(kPollInterval);
    absl::StatusOr<v1::GetRotationStatusResponse> answer = Ask(session);
    if (!answer.ok()) {
      if (ExitCodeOf(answer.status()) != kExitUnreachable || ++failures > kMostFailures) return answer.status();
      continue;
    }
    failures = 0;
    NoteChanges(session, status, *answer);
    status = *std::move(answer);
  }
  return status;
}

absl::Status Show(Session& session, bool wait) {
  SIGNET_ASSIGN_OR_RETURN(v1::GetRotationStatusResponse status, Ask(session));
  if (wait && !status.blockers().empty()) {
    SIGNET_ASSIGN_OR_RETURN(status, WaitUntilOpen(session, std::move(status)));
  }
  View view{.text = [&](bool) { return Text(status, session.Now()); }, .message = &status, .names = {}};
  for (const v1::RotationBlocker& blocker : status.blockers()) view.names.push_back(WhoBlocks(blocker));
  SIGNET_RETURN_IF_ERROR(session.Print(view));
  if (status.blockers().empty()) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed,
                       absl::StrCat("the gate to the next step is closed by ", absl::StrJoin(view.names, ",")),
                       status.next());
}

}  // namespace

Action DeclareRotationStatus(CLI::App& app) {
  auto wait = std::make_shared<bool>(false);
  app.add_flag("--wait", *wait, "tell what changes, and end when nothing blocks the next step any more");
  return [wait](Session& session) { return Show(session, *wait); };
}

}  // namespace signet::cli
