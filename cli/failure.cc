#include "cli/failure.h"

#include "cli/structured.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"

namespace signet::cli {
namespace {

constexpr char kUsage[] = "USAGE";

}  // namespace

absl::Status UsageError(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, kUsage, message, next);
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  const std::string reason = base::ReasonOf(status);
  if (reason == kUsage) return kExitUsage;
  if (reason == base::kGateClosed) return kExitGateClosed;
  const bool away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return away ? kExitUnreachable : kExitRefused;
}

void Report(const absl::Status& status, bool json, std::ostream& err) {
  const std::string next = base::NextOf(status);
  err << "signetctl: " << Printable(status.message()) << "\n";
  if (!next.empty()) err << "  next: " << Printable(next) << "\n";
  if (!json) return;
  google::protobuf::Struct document;
  google::protobuf::Struct& error = *(*document.mutable_fields())["error"].mutable_struct_value();
  (*error.mutable_fields())["code"].set_string_value(absl::StatusCodeToString(status.code()));
  (*error.mutable_fields())["reason"].set_string_value(base::ReasonOf(status));
  (*error.mutable_fields())["message"].set_string_value(std::string(status.message()));
  (*error.mutable_fields())["next"].set_string_value(next);
  if (absl::StatusOr<std::string> line = ToJsonLine(document); line.ok()) err << *line;
}

std::string Printable(absl::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) c = '?';
  }
  return result;
}

}  // namespace signet::cli
