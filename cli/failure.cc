#include "cli/failure.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "cli/blockers.h"
#include "cli/structured.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/status.pb.h"
#include "services/base/reason.h"

namespace signet::cli {
namespace {

constexpr char kUsage[] = "USAGE";
constexpr char kPlanUrl[] = "signet/plan";
constexpr std::size_t kLongestReason = 200;

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

absl::Status CheckReason(absl::string_view option, absl::string_view reason, absl::string_view next) {
  if (!reason.empty() && reason.size() <= kLongestReason) return absl::OkStatus();
  return UsageError(
      absl::StrCat(option, " must have 1 to ", kLongestReason, " bytes: whoever reads it later wants to know"), next);
}

absl::Status WithPlan(absl::Status status, const std::string& error_details) {
  google::rpc::Status details;
  if (status.ok() || error_details.empty() || !details.ParseFromString(error_details)) return status;
  for (const google::protobuf::Any& detail : details.details()) {
    v1::RotationPlan plan;
    if (detail.Is<v1::RotationPlan>() && detail.UnpackTo(&plan)) {
      status.SetPayload(kPlanUrl, absl::Cord(plan.SerializeAsString()));
    }
  }
  return status;
}

std::optional<v1::RotationPlan> PlanOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPlanUrl);
  v1::RotationPlan plan;
  if (!payload.has_value() || !plan.ParseFromString(std::string(*payload))) return std::nullopt;
  return plan;
}

void Report(const absl::Status& status, bool json, absl::Time now, std::ostream& err) {
  const std::string next = base::NextOf(status);
  const std::optional<v1::RotationPlan> plan = PlanOf(status);
  err << "signetctl: " << Printable(status.message()) << "\n";
  if (plan.has_value() && !plan->blockers().empty()) err << BlockerRows(plan->blockers(), now);
  bool told = next.empty();
  if (plan.has_value()) {
    for (const v1::RotationBlocker& blocker : plan->blockers()) told = told || blocker.next() == next;
  }
  if (!told) err << "  next: " << Printable(next) << "\n";
  if (!json) return;
  google::protobuf::Struct document;
  google::protobuf::Struct& error = *(*document.mutable_fields())["error"].mutable_struct_value();
  (*error.mutable_fields())["code"].set_string_value(absl::StatusCodeToString(status.code()));
  (*error.mutable_fields())["reason"].set_string_value(base::ReasonOf(status));
  (*error.mutable_fields())["message"].set_string_value(std::string(status.message()));
  (*error.mutable_fields())["next"].set_string_value(next);
  if (plan.has_value()) {
    const absl::StatusOr<std::string> line = ToJsonLine(*plan);
    google::protobuf::Struct fields;
    if (line.ok() && google::protobuf::util::JsonStringToMessage(*line, &fields).ok()) {
      *(*error.mutable_fields())["plan"].mutable_struct_value() = fields;
    }
  }
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
