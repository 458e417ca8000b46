#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/structured.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr absl::Duration kPollInterval = absl::Seconds(1);

std::string Line(const v1::AuditRecord& record, bool wide) {
  std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(record.time_ms()), absl::UTCTimeZone()),
                   " #", record.sequence(), " ", EnumText(v1::AuditOutcome_Name(record.outcome()), "AUDIT_OUTCOME_"),
                   " ", record.action(), " ", record.subject(), " by ", record.actor());
  if (!record.reason().empty()) absl::StrAppend(&line, " [", record.reason(), "]");
  if (!record.message().empty()) absl::StrAppend(&line, ": ", record.message());
  if (wide) {
    absl::StrAppend(&line, " request=", record.request_id());
    for (const auto& [key, value] : record.facts()) absl::StrAppend(&line, " ", key, "=", value);
  }
  // One record, one line: nobody forges a second one with a newline in a message.
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return Printable(line) + "\n";
}

// Followed records come one by one, so that JSON is a document a line.
absl::Status PrintFollowed(Session& session, const v1::ListAuditRecordsResponse& list) {
  for (const v1::AuditRecord& record : list.records()) {
    if (session.options().format == OutputFormat::kJson) {
      SIGNET_ASSIGN_OR_RETURN(const std::string line, ToJsonLine(record));
      session.out() << line;
      SIGNET_RETURN_IF_ERROR(session.Flush());
      continue;
    }
    SIGNET_RETURN_IF_ERROR(session.Print({.text = [&](bool wide) { return Line(record, wide); },
                                          .message = &record,
                                          .names = {absl::StrCat(record.sequence())}}));
  }
  return absl::OkStatus();
}

struct Options {
  int count = 20;
  bool follow = false;
};

absl::Status Tail(Session& session, const Options& options) {
  v1::ListAuditRecordsRequest request;
  request.set_newest(true);
  request.set_page_size(options.count);
  SIGNET_ASSIGN_OR_RETURN(v1::ListAuditRecordsResponse list,
                          session.Call(&v1::CertAuthority::Stub::ListAuditRecords, request));
  if (!options.follow) {
    View view{.text =
                  [&](bool wide) {
                    std::string text;
                    for (const v1::AuditRecord& record : list.records()) absl::StrAppend(&text, Line(record, wide));
                    return text;
                  },
              .message = &list,
              .names = {}};
    for (const v1::AuditRecord& record : list.records()) view.names.push_back(absl::StrCat(record.sequence()));
    return session.Print(view);
  }
  request.set_newest(false);
  request.set_page_size(1000);
  while (true) {
    SIGNET_RETURN_IF_ERROR(PrintFollowed(session, list));
    if (!list.records().empty()) request.set_after_sequence(list.records().rbegin()->sequence());
    session.Sleep(kPollInterval);
    SIGNET_ASSIGN_OR_RETURN(list, session.Call(&v1::CertAuthority::Stub::ListAuditRecords, request));
  }
}

}  // namespace

Action DeclareAuditTail(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-n,--lines", options->count, "how many records [20]")->check(CLI::Range(1, 1000));
  app.add_flag("--follow", options->follow, "go on with new records until interrupted");
  return [options](Session& session) { return Tail(session, *options); };
}

}  // namespace signet::cli
