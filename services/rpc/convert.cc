#include "services/rpc/convert.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/rpc/limits.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"

namespace signet::rpc {
namespace {

constexpr std::size_t kKeyIdDigits = 32;

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

v1::Profile ToProto(store::Profile profile) {
  switch (profile) {
    case store::Profile::kNode:
      return v1::PROFILE_NODE;
    case store::Profile::kService:
      return v1::PROFILE_SERVICE;
    case store::Profile::kControl:
      return v1::PROFILE_CONTROL;
    case store::Profile::kProbe:
      return v1::PROFILE_PROBE;
  }
  return v1::PROFILE_UNSPECIFIED;
}

v1::CertificateState ToProto(store::CertificateState state) {
  switch (state) {
    case store::CertificateState::kRecorded:
      return v1::CERTIFICATE_STATE_RECORDED;
    case store::CertificateState::kIssued:
      return v1::CERTIFICATE_STATE_ISSUED;
    case store::CertificateState::kRevoked:
      return v1::CERTIFICATE_STATE_REVOKED;
  }
  return v1::CERTIFICATE_STATE_UNSPECIFIED;
}

v1::AuthorityPurpose ToProto(store::Purpose purpose) {
  switch (purpose) {
    case store::Purpose::kSlurm:
      return v1::AUTHORITY_PURPOSE_SLURM;
    case store::Purpose::kControl:
      return v1::AUTHORITY_PURPOSE_CONTROL;
  }
  return v1::AUTHORITY_PURPOSE_UNSPECIFIED;
}

v1::AuthorityState ToProto(store::AuthorityState state) {
  switch (state) {
    case store::AuthorityState::kPrepared:
      return v1::AUTHORITY_STATE_PREPARED;
    case store::AuthorityState::kActive:
      return v1::AUTHORITY_STATE_ACTIVE;
    case store::AuthorityState::kRetired:
      return v1::AUTHORITY_STATE_RETIRED;
    case store::AuthorityState::kRevoked:
      return v1::AUTHORITY_STATE_REVOKED;
    case store::AuthorityState::kDestroyed:
      return v1::AUTHORITY_STATE_DESTROYED;
  }
  return v1::AUTHORITY_STATE_UNSPECIFIED;
}

// The stored numbers of evidence::TokenKind and enrollment::EvidenceKind are the protobuf's.
v1::Evidence EvidenceToProto(int evidence) {
  return v1::Evidence_IsValid(evidence) ? static_cast<v1::Evidence>(evidence) : v1::EVIDENCE_UNSPECIFIED;
}

v1::TokenKind TokenKindToProto(int kind) {
  return v1::TokenKind_IsValid(kind) ? static_cast<v1::TokenKind>(kind) : v1::TOKEN_KIND_UNSPECIFIED;
}

v1::Severity ToProto(enrollment::Severity severity) {
  switch (severity) {
    case enrollment::Severity::kOk:
      return v1::SEVERITY_OK;
    case enrollment::Severity::kWarning:
      return v1::SEVERITY_WARNING;
    case enrollment::Severity::kError:
      return v1::SEVERITY_ERROR;
  }
  return v1::SEVERITY_UNSPECIFIED;
}

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

bool IsEver(absl::Time time) { return time != absl::InfinitePast() && time != absl::InfiniteFuture(); }

v1::CertificateRecord ToProto(const store::CertificateRow& row, bool with_pem) {
  v1::CertificateRecord record;
  record.set_serial(row.serial);
  record.set_subject(row.subject);
  record.set_profile(ToProto(row.profile));
  record.set_daemon(row.daemon);
  record.set_authority_id(row.authority_id);
  record.set_state(ToProto(row.state));
  *record.mutable_not_before() = ToProto(row.not_before);
  *record.mutable_not_after() = ToProto(row.not_after);
  *record.mutable_recorded_at() = ToProto(row.recorded_at);
  record.set_tbs_sha256(absl::BytesToHexString(row.tbs_sha256));
  if (with_pem && !row.der.empty()) record.set_pem(x509::EncodePem(x509::kCertificateLabel, row.der));
  return record;
}

v1::Authority ToProto(const authority::Authority& authority, bool with_certificate) {
  v1::Authority message;
  message.set_id(authority.id);
  message.set_purpose(ToProto(authority.purpose));
  message.set_state(ToProto(authority.state));
  message.set_subject(authority.certificate.subject());
  *message.mutable_not_before() = ToProto(authority.certificate.not_before());
  *message.mutable_not_after() = ToProto(authority.certificate.not_after());
  if (with_certificate) message.set_certificate_pem(authority.certificate.pem());
  message.set_has_key(authority.signer != nullptr);
  if (!authority.intermediates.empty()) message.set_anchor_subject(authority.anchor.subject());
  if (IsEver(authority.prepared_at)) *message.mutable_prepared_at() = ToProto(authority.prepared_at);
  if (IsEver(authority.activated_at)) *message.mutable_activated_at() = ToProto(authority.activated_at);
  if (IsEver(authority.retired_at)) *message.mutable_retired_at() = ToProto(authority.retired_at);
  if (IsEver(authority.revoked_at)) *message.mutable_revoked_at() = ToProto(authority.revoked_at);
  return message;
}

v1::AuthorityRequest ToProto(const store::AuthorityRequestRow& row) {
  v1::AuthorityRequest message;
  message.set_id(row.id);
  message.set_subject(x509::NameTextFromDer(row.subject_der));
  message.set_csr_pem(row.csr_pem);
  *message.mutable_created_at() = ToProto(row.created_at);
  message.set_created_by(row.created_by);
  return message;
}

v1::Token ToProto(const store::TokenRow& row) {
  v1::Token token;
  token.set_id(row.id);
  token.set_node(row.node);
  token.set_daemon(row.daemon);
  token.set_kind(TokenKindToProto(row.kind));
  token.set_public_key(row.spki_der);
  *token.mutable_created_at() = ToProto(row.created_at);
  *token.mutable_expires_at() = ToProto(row.expires_at);
  token.set_created_by(row.created_by);
  token.set_uses(row.uses);
  if (row.last_used_at > absl::UnixEpoch()) *token.mutable_last_used_at() = ToProto(row.last_used_at);
  token.set_revoked(row.revoked);
  token.set_label(row.label);
  token.set_used_by_key_id(row.used_by_key_id);
  return token;
}

v1::Node ToProto(const store::NodeRow& row, const store::IdentityRow& identity, int64_t identities, bool blocked) {
  v1::Node node;
  node.set_name(row.name);
  node.set_daemon(row.daemon);
  node.set_key_id(row.key_id);
  node.set_evidence(EvidenceToProto(identity.evidence));
  node.set_token_id(identity.token_id);
  node.set_pod_uid(identity.pod_uid);
  *node.mutable_enrolled_at() = ToProto(row.enrolled_at);
  *node.mutable_last_request_at() = ToProto(row.last_request_at);
  node.set_seq(row.seq);
  node.set_serial(row.serial);
  if (!row.serial.empty()) *node.mutable_not_after() = ToProto(row.not_after);
  node.mutable_bundle_on_disk()->set_generation(row.disk_generation);
  node.mutable_bundle_on_disk()->set_sha256(row.disk_sha256);
  node.mutable_bundle_loaded()->set_generation(row.loaded_generation);
  node.mutable_bundle_loaded()->set_sha256(row.loaded_sha256);
  node.set_adapter_version(row.adapter_version);
  node.set_blocked(blocked);
  if (row.clone_suspected_at > absl::UnixEpoch()) {
    *node.mutable_clone_suspected_at() = ToProto(row.clone_suspected_at);
  }
  node.set_superseded_keys(std::max<int64_t>(0, identities - 1));
  return node;
}

v1::TokenUse UseToProto(const store::IdentityRow& identity) {
  v1::TokenUse use;
  use.set_key_id(identity.key_id);
  *use.mutable_at() = ToProto(identity.admitted_at);
  if (identity.superseded_at != absl::InfiniteFuture()) *use.mutable_ended_at() = ToProto(identity.superseded_at);
  return use;
}

v1::Block ToProto(const store::BlockRow& row) {
  v1::Block block;
  block.set_node(row.node);
  block.set_reason(row.reason);
  block.set_blocked_by(row.blocked_by);
  *block.mutable_blocked_at() = ToProto(row.blocked_at);
  return block;
}

v1::Approval ToProto(const store::ApprovalRow& row) {
  v1::Approval approval;
  approval.set_key_id(row.key_id);
  approval.set_node(row.node);
  approval.set_daemon(row.daemon);
  approval.set_approved_by(row.approved_by);
  *approval.mutable_approved_at() = ToProto(row.approved_at);
  *approval.mutable_expires_at() = ToProto(row.expires_at);
  return approval;
}

v1::Refusal ToProto(const store::RefusalRow& row) {
  v1::Refusal refusal;
  *refusal.mutable_at() = ToProto(row.at);
  refusal.set_action(row.action);
  refusal.set_reason(row.reason);
  refusal.set_message(row.message);
  refusal.set_next(row.next);
  refusal.set_request_id(row.request_id);
  refusal.set_key_id(row.key_id);
  refusal.set_proven(row.proven);
  return refusal;
}

v1::Provisioner ToProto(const store::ProvisionerRow& row) {
  v1::Provisioner provisioner;
  provisioner.set_name(row.name);
  provisioner.set_nodes(row.nodes);
  provisioner.set_issued_by(row.issued_by);
  *provisioner.mutable_issued_at() = ToProto(row.issued_at);
  return provisioner;
}

v1::ExplainNodeResponse ToProto(const enrollment::Explanation& explanation) {
  v1::ExplainNodeResponse response;
  const bool blocked = explanation.block.has_value();
  for (const enrollment::ExplainedDaemon& daemon : explanation.daemons) {
    *response.add_nodes() = ToProto(daemon.node, daemon.identity, daemon.identities, blocked);
  }
  if (blocked) *response.mutable_block() = ToProto(*explanation.block);
  for (const store::TokenRow& row : explanation.tokens) *response.add_tokens() = ToProto(row);
  for (const store::ApprovalRow& row : explanation.approvals) *response.add_approvals() = ToProto(row);
  for (const store::RefusalRow& row : explanation.refusals) *response.add_refusals() = ToProto(row);
  for (const enrollment::Finding& found : explanation.findings) {
    v1::Finding* finding = response.add_findings();
    finding->set_severity(ToProto(found.severity));
    finding->set_code(found.code);
    finding->set_cause(found.cause);
    finding->set_next(found.next);
  }
  return response;
}

absl::StatusOr<int> TokenKindFromProto(v1::TokenKind kind) {
  if (v1::TokenKind_IsValid(kind)) return static_cast<int>(kind);
  return Malformed(absl::StrCat("kind ", static_cast<int>(kind), " is unknown"));
}

absl::StatusOr<std::string> KeyIdFromText(absl::string_view field, absl::string_view text) {
  if (text.size() == kKeyIdDigits && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) {
    return absl::AsciiStrToLower(text);
  }
  return Malformed(absl::StrCat(field, " is not ", kKeyIdDigits, " hexadecimal digits"));
}

absl::StatusOr<enrollment::NewToken> FromProto(const v1::NewToken& token, int index) {
  const std::string field = absl::StrCat("tokens[", index, "]");
  SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, ".node"), token.node(), kMaxNameBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, ".daemon"), token.daemon(), kMaxNameBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, ".public_key"), token.public_key(), kMaxPublicKeyBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, ".label"), token.label(), enrollment::kMaxTokenLabel, false));
  if (token.ttl_seconds() < 0) return Malformed(absl::StrCat(field, ".ttl_seconds is negative"));
  enrollment::NewToken converted;
  converted.node = token.node();
  converted.daemon = token.daemon();
  converted.spki_der = token.public_key();
  converted.ttl = absl::Seconds(token.ttl_seconds());
  converted.label = token.label();
  switch (token.kind()) {
    case v1::TOKEN_KIND_SINGLE_USE:
      converted.kind = evidence::TokenKind::kSingleUse;
      return converted;
    case v1::TOKEN_KIND_BOOT:
      converted.kind = evidence::TokenKind::kBoot;
      return converted;
    case v1::TOKEN_KIND_REUSABLE:
      converted.kind = evidence::TokenKind::kReusable;
      return converted;
    case v1::TOKEN_KIND_LAB:
      converted.kind = evidence::TokenKind::kLab;
      return converted;
    default:
      return Malformed(absl::StrCat(field, ".kind is unset or unknown"));
  }
}

absl::StatusOr<std::string> SerialFromText(absl::string_view text) {
  // 20 octets (RFC 5280 section 4.1.2.2), each with a colon.
  SIGNET_RETURN_IF_ERROR(CheckLength("serial", text, 60, true));
  std::string serial = absl::AsciiStrToLower(absl::StrReplaceAll(text, {{":", ""}}));
  if (serial.empty() || serial.size() > 40 || !std::all_of(serial.begin(), serial.end(), absl::ascii_isxdigit)) {
    return Malformed("serial is not at most 40 hexadecimal digits");
  }
  if (serial.size() % 2 != 0) serial.insert(0, "0");
  while (serial.size() > 2 && serial[0] == '0' && serial[1] == '0') serial.erase(0, 2);
  return serial;
}

absl::Status CheckLength(absl::string_view field, absl::string_view value, std::size_t limit, bool required) {
  if (required && value.empty()) return Malformed(absl::StrCat(field, " is empty"));
  if (value.size() <= limit) return absl::OkStatus();
  return Malformed(absl::StrCat(field, " has ", value.size(), " bytes; the limit is ", limit));
}

absl::Status CheckReason(absl::string_view field, absl::string_view value, bool required) {
  SIGNET_RETURN_IF_ERROR(CheckLength(field, value, kMaxReasonBytes, required));
  const bool control = std::any_of(value.begin(), value.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); });
  const bool blank = !value.empty() && absl::StripAsciiWhitespace(value).empty();
  if (!control && !blank) return absl::OkStatus();
  return Malformed(absl::StrCat(field, " is not printable text that says something"));
}

absl::Status CheckNames(absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& names) {
  for (int i = 0; i < names.size(); ++i) {
    SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, "[", i, "]"), names[i], kMaxNameBytes, true));
  }
  return absl::OkStatus();
}

}  // namespace signet::rpc
