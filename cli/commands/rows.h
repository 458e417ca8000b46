// Tables that more than one command prints.
#ifndef SIGNET_CLI_COMMANDS_ROWS_H_
#define SIGNET_CLI_COMMANDS_ROWS_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "signet/v1/cert_authority.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

std::string AuthorityRows(const google::protobuf::RepeatedPtrField<v1::Authority>& authorities, absl::Time now,
                          bool wide);
std::string TokenRows(const google::protobuf::RepeatedPtrField<v1::Token>& tokens, absl::Time now, bool wide);

// "open", "used", "expired" or "revoked"; only an open one can enrol.
std::string TokenState(const v1::Token& token, absl::Time now);

// "single-use", "boot", "reusable", "lab".
std::string KindText(v1::TokenKind kind);
std::string EvidenceText(v1::Evidence evidence);

}  // namespace signet::cli

#endif  // SIGNET_CLI_COMMANDS_ROWS_H_
