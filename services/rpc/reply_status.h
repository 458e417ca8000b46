// The one place where an absl::Status becomes a grpc::Status.
#ifndef SIGNET_SERVICES_RPC_REPLY_STATUS_H_
#define SIGNET_SERVICES_RPC_REPLY_STATUS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"

namespace signet::rpc {

// What the caller is told, with a google.rpc.ErrorInfo (domain "signet", reason, metadata next and request_id), and a
// google.rpc.RetryInfo (one second) when the server, its store or the Kubernetes API was too busy. Faults of the server
// itself (INTERNAL, UNKNOWN, DATA_LOSS) are redacted to "internal error, request <id>", and lose their detail. A long
// message is cut: trailers above 8 KiB are refused by clients.
grpc::Status ReplyStatus(const absl::Status& status, absl::string_view request_id);

// The same refusal, to travel with `detail` among its google.rpc.Status.details, behind those of ReplyStatus. One that
// is larger than kMaxDetailBytes is left out.
absl::Status WithDetail(absl::Status status, const google::protobuf::Message& detail);
inline constexpr std::size_t kMaxDetailBytes = 4000;

// The reason of a status, also when its maker gave none: then the one that fits its code.
std::string ReasonFor(const absl::Status& status);

// True for faults of the server itself, whose text stays in the log.
bool IsServerFault(const absl::Status& status);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_REPLY_STATUS_H_
