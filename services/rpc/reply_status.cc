#include "services/rpc/reply_status.h"

#include <cstddef>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/audit/text.h"
#include "services/base/reason.h"

namespace signet::rpc {
namespace {

// The message travels twice, once percent-encoded (up to three times its size) and once in base64.
constexpr std::size_t kMaxMessageBytes = 1200;
constexpr std::size_t kMaxMessageBytesBesideDetail = 400;
constexpr std::size_t kMaxNextBytes = 400;
// Of an absl::Status that carries a detail: the serialized google.protobuf.Any.
constexpr char kDetailUrl[] = "signet/detail";

// What is over in a second, by itself.
bool IsWorthARetry(absl::string_view reason) {
  return reason == base::kOverloaded || reason == base::kTooManyRequests || reason == base::kStoreUnavailable ||
         reason == base::kKubernetesUnavailable;
}

// At most `limit` bytes and a sign that there were more; valid UTF-8, or protobuf drops all that is said.
std::string Cut(absl::string_view text, std::size_t limit) {
  return absl::StrCat(audit::FitText(text, limit), text.size() > limit ? "…" : "");
}

}  // namespace

bool IsServerFault(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown ||
         status.code() == absl::StatusCode::kDataLoss;
}

std::string ReasonFor(const absl::Status& status) {
  if (std::string reason = base::ReasonOf(status); !reason.empty()) return reason;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return "";
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return base::kMalformed;
    case absl::StatusCode::kPermissionDenied:
      return base::kAccessDenied;
    case absl::StatusCode::kUnauthenticated:
      return base::kEvidenceInvalid;
    case absl::StatusCode::kNotFound:
      return base::kNotFound;
    case absl::StatusCode::kAlreadyExists:
      return base::kAlreadyExists;
    case absl::StatusCode::kResourceExhausted:
      return base::kOverloaded;
    case absl::StatusCode::kDeadlineExceeded:
      return base::kDeadlineTooShort;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
      return base::kStoreUnavailable;
    default:
      return base::kInternal;
  }
}

absl::Status WithDetail(absl::Status status, const google::protobuf::Message& detail) {
  if (status.ok() || detail.ByteSizeLong() > kMaxDetailBytes) return status;
  google::protobuf::Any packed;
  packed.PackFrom(detail);
  status.SetPayload(kDetailUrl, absl::Cord(packed.SerializeAsString()));
  return status;
}

grpc::Status ReplyStatus(const absl::Status& status, absl::string_view request_id) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reason = IsServerFault(status) ? base::kInternal : ReasonFor(status);
  // What the store says names files and statements: for the log alone.
  const auto detail = status.GetPayload(kDetailUrl);
  std::string message = Cut(status.message(), detail.has_value() ? kMaxMessageBytesBesideDetail : kMaxMessageBytes);
  if (IsServerFault(status)) message = absl::StrCat("internal error, request ", request_id);
  // Who lost a race reads what changed: those words are ours.
  const bool of_the_store = reason == base::kStoreUnavailable && status.code() != absl::StatusCode::kAborted;
  if (of_the_store) message = absl::StrCat("the store is unavailable, request ", request_id);

  google::rpc::ErrorInfo info;
  info.set_domain("signet");
  info.set_reason(reason);
  (*info.mutable_metadata())["request_id"] = std::string(request_id);
  if (const std::string next = base::NextOf(status); !next.empty())
    (*info.mutable_metadata())["next"] = Cut(next, kMaxNextBytes);
  google::rpc::Status details;
  // absl's codes and gRPC's are the same numbers.
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  details.add_details()->PackFrom(info);
  if (IsWorthARetry(reason)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(1);
    details.add_details()->PackFrom(retry);
  }
  if (detail.has_value() && !IsServerFault(status)) details.add_details()->ParseFromString(std::string(*detail));
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message, details.SerializeAsString());
}

}  // namespace signet::rpc
