// Tables that more than one command prints.
#ifndef SIGNET_CLI_COMMANDS_ROWS_H_
#define SIGNET_CLI_COMMANDS_ROWS_H_

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "signet/v1/cert_authority.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

// `requests`: those that have no certificate yet, behind the others.
std::string AuthorityRows(const google::protobuf::RepeatedPtrField<v1::Authority>& authorities, absl::Time now,
                          bool wide, const google::protobuf::RepeatedPtrField<v1::AuthorityRequest>& requests = {});
std::string TokenRows(const google::protobuf::RepeatedPtrField<v1::Token>& tokens, absl::Time now, bool wide);

std::string NodeRows(const google::protobuf::RepeatedPtrField<v1::Node>& nodes, absl::Time now, bool wide);

// Everything of "blocked", "expired", "clone" (two hosts spoke with its key), "superseded" (it had identity keys
// before) and "foreign-bundle" (its ca_cert_file is not one that Signet wrote) that holds; "ok" when it is neither
// blocked nor expired nor cloned.
std::set<std::string> NodeStates(const v1::Node& node, absl::Time now);

// "open", "used", "expired" or "revoked"; only an open one can enrol.
std::string TokenState(const v1::Token& token, absl::Time now);

// "single-use", "boot", "reusable", "lab".
std::string KindText(v1::TokenKind kind);
// The other way round; unspecified for another word.
v1::TokenKind KindFromText(absl::string_view text);
std::string EvidenceText(v1::Evidence evidence);

}  // namespace signet::cli

#endif  // SIGNET_CLI_COMMANDS_ROWS_H_
