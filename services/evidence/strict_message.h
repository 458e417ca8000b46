// Reading a message in its one canonical encoding, and base64url in its one.
#ifndef SIGNET_SERVICES_EVIDENCE_STRICT_MESSAGE_H_
#define SIGNET_SERVICES_EVIDENCE_STRICT_MESSAGE_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::evidence {

// INVALID_ARGUMENT / MALFORMED, "<what>: <why>". Neither may hold received bytes.
absl::Status Malformed(absl::string_view what, absl::string_view why);

// Parses `bytes` and refuses unknown fields at any level and every encoding but the canonical one: a repeated field,
// another order, a default written out, text that is not UTF-8. So nobody can make two statements of one meaning, or
// hide bytes in one.
absl::Status ParseStrictly(absl::string_view bytes, absl::string_view what, google::protobuf::Message& message);

// Exact: refuses padding, white space, other letters, stray bits at the end.
absl::StatusOr<std::string> DecodeBase64Url(absl::string_view text, absl::string_view what);

// A cluster's name: 1–64 of [A-Za-z0-9._-].
absl::Status CheckCluster(absl::string_view cluster);

}  // namespace signet::evidence

#endif  // SIGNET_SERVICES_EVIDENCE_STRICT_MESSAGE_H_
