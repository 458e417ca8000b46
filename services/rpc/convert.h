// Rows and values of the engines as protobuf messages, and back. Converts and never decides.
#ifndef SIGNET_SERVICES_RPC_CONVERT_H_
#define SIGNET_SERVICES_RPC_CONVERT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/authority/authority.h"
#include "services/enrollment/tokens.h"
#include "services/store/rows.h"
#include "signet/v1/cert_authority.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::rpc {

google::protobuf::Timestamp ToProto(absl::Time time);
v1::CertificateRecord ToProto(const store::CertificateRow& row, bool with_pem);
v1::Authority ToProto(const authority::Authority& authority, bool with_certificate);
v1::Token ToProto(const store::TokenRow& row);
// `identity`: the one of row.key_id; `identities`: how many this daemon of this node ever had.
v1::Node ToProto(const store::NodeRow& row, const store::IdentityRow& identity, int64_t identities, bool blocked);

// INVALID_ARGUMENT / MALFORMED names the field, as "tokens[3].kind".
absl::StatusOr<enrollment::NewToken> FromProto(const v1::NewToken& token, int index);
// "AB:0c" → "ab0c", as x509 writes serials. INVALID_ARGUMENT / MALFORMED otherwise.
absl::StatusOr<std::string> SerialFromText(absl::string_view text);
// INVALID_ARGUMENT / MALFORMED when `value` is longer than `limit` bytes; `required`: or empty.
absl::Status CheckLength(absl::string_view field, absl::string_view value, std::size_t limit, bool required);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CONVERT_H_
