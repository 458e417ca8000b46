#include "services/base/reason.h"

#include "absl/strings/cord.h"

namespace signet::base {
namespace {
constexpr char kReasonUrl[] = "signet/reason";
constexpr char kNextUrl[] = "signet/next";
constexpr char kProvenUrl[] = "signet/proven";

std::string Payload(const absl::Status& status, absl::string_view url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}
}  // namespace

absl::Status Refusal(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                     absl::string_view next) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  if (!next.empty()) status.SetPayload(kNextUrl, absl::Cord(next));
  return status;
}

absl::Status Proven(absl::Status status) {
  if (!status.ok()) status.SetPayload(kProvenUrl, absl::Cord("1"));
  return status;
}

bool IsProven(const absl::Status& status) { return status.GetPayload(kProvenUrl).has_value(); }

std::string ReasonOf(const absl::Status& status) { return Payload(status, kReasonUrl); }
std::string NextOf(const absl::Status& status) { return Payload(status, kNextUrl); }

}  // namespace signet::base
