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
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/authority/authority.h"
#include "services/enrollment/explanation.h"
#include "services/enrollment/tokens.h"
#include "services/store/rows.h"
#include "signet/v1/cert_authority.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::rpc {

google::protobuf::Timestamp ToProto(absl::Time time);
// False for InfinitePast and InfiniteFuture, by which rows say never.
bool IsEver(absl::Time time);
v1::CertificateRecord ToProto(const store::CertificateRow& row, bool with_pem);
// Without live_certificates, which only the store knows.
v1::Authority ToProto(const authority::Authority& authority, bool with_certificate);
v1::AuthorityRequest ToProto(const store::AuthorityRequestRow& row);
v1::Token ToProto(const store::TokenRow& row);
// `identity`: the one of row.key_id; `identities`: how many this daemon of this node ever had.
v1::Node ToProto(const store::NodeRow& row, const store::IdentityRow& identity, int64_t identities, bool blocked);
v1::TokenUse UseToProto(const store::IdentityRow& identity);
v1::Block ToProto(const store::BlockRow& row);
v1::Approval ToProto(const store::ApprovalRow& row);
v1::Refusal ToProto(const store::RefusalRow& row);
v1::Provisioner ToProto(const store::ProvisionerRow& row);
v1::ExplainNodeResponse ToProto(const enrollment::Explanation& explanation);

// INVALID_ARGUMENT / MALFORMED names the field, as "tokens[3].kind".
absl::StatusOr<enrollment::NewToken> FromProto(const v1::NewToken& token, int index);
// The number that rows keep; 0 for unset. INVALID_ARGUMENT / MALFORMED for one that is none.
absl::StatusOr<int> TokenKindFromProto(v1::TokenKind kind);
// 32 hexadecimal digits, either case, → as rows keep key ids. INVALID_ARGUMENT / MALFORMED otherwise.
absl::StatusOr<std::string> KeyIdFromText(absl::string_view field, absl::string_view text);
// "AB:0c" → "ab0c", as x509 writes serials. INVALID_ARGUMENT / MALFORMED otherwise.
absl::StatusOr<std::string> SerialFromText(absl::string_view text);
// INVALID_ARGUMENT / MALFORMED when `value` is longer than `limit` bytes; `required`: or empty.
absl::Status CheckLength(absl::string_view field, absl::string_view value, std::size_t limit, bool required);
// INVALID_ARGUMENT / MALFORMED when `value` is longer than kMaxReasonBytes, not printable or blank; `required`: or
// empty.
absl::Status CheckReason(absl::string_view field, absl::string_view value, bool required);
// Each of `names` has 1 to kMaxNameBytes bytes. INVALID_ARGUMENT / MALFORMED, as "nodes[3] is empty".
absl::Status CheckNames(absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& names);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CONVERT_H_
