#include "services/evidence/statement_fields.h"

#include <algorithm>
#include <limits>

#include "absl/strings/escaping.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/strict_message.h"
#include "services/names/node_name.h"

namespace signet::evidence {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kKeyIdBytes = 16;
constexpr std::size_t kBootIdChars = 36;
constexpr std::size_t kMaxVersionChars = 64;
constexpr std::size_t kMaxKubernetesTokenBytes = 16 * 1024;
// A P-256 SubjectPublicKeyInfo with the curve's name and an uncompressed point has no other size (RFC 5480 section 2).
constexpr std::size_t kP256SpkiBytes = 91;
// The end of the year 9999: beyond it times no longer print.
constexpr int64_t kMaxTimeMs = 253402300799999;
// Stores keep signed numbers.
constexpr uint64_t kMaxNumber = std::numeric_limits<int64_t>::max();

bool IsHashOrEmpty(const std::string& bytes) { return bytes.empty() || bytes.size() == kHashBytes; }

bool AllIn(absl::string_view text, char first, char last) {
  return std::all_of(text.begin(), text.end(), [=](char c) { return c >= first && c <= last; });
}

bool IsBootId(absl::string_view text) {
  return text.size() == kBootIdChars && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

absl::Status CheckWho(const v1::Statement& message) {
  if (message.key_id().size() != kKeyIdBytes) return Malformed("key_id", "must have 16 bytes");
  SIGNET_RETURN_IF_ERROR(CheckCluster(message.cluster()));
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(message.node()));
  if (!names::IsNodeDaemon(message.daemon())) return Malformed("daemon", "must be slurmd or sackd");
  if (message.identity_public_key().size() != kP256SpkiBytes) {
    return Malformed("identity_public_key", "must be a P-256 key with a named curve and an uncompressed point");
  }
  if (!message.token_id().empty() && message.token_id().size() != kKeyIdBytes) {
    return Malformed("token_id", "must have 16 bytes or none");
  }
  if (!IsHashOrEmpty(message.machine_id_sha256())) return Malformed("machine_id_sha256", "must have 32 bytes or none");
  if (message.kubernetes_token().size() > kMaxKubernetesTokenBytes || !AllIn(message.kubernetes_token(), '!', '~')) {
    return Malformed("kubernetes_token", "must have at most 16384 visible ASCII characters");
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const v1::Statement& message) {
  if (message.issued_at_ms() <= 0 || message.issued_at_ms() > kMaxTimeMs) {
    return Malformed("issued_at_ms", "must lie between 1970 and 9999");
  }
  if (message.expires_at_ms() <= message.issued_at_ms() || message.expires_at_ms() > kMaxTimeMs) {
    return Malformed("expires_at_ms", "must lie between issued_at_ms and the year 9999");
  }
  if (message.seq() == 0 || message.seq() > kMaxNumber) return Malformed("seq", "must lie between 1 and 2^63 - 1");
  if (!IsBootId(message.boot_id())) return Malformed("boot_id", "must have 36 characters of [0-9a-f-]");
  if (message.csr_spki_sha256().size() != kHashBytes) return Malformed("csr_spki_sha256", "must have 32 bytes");
  return absl::OkStatus();
}

absl::Status CheckHost(const v1::Statement& message) {
  for (const v1::BundleSighting* bundle : {&message.bundle_on_disk(), &message.bundle_loaded()}) {
    if (!IsHashOrEmpty(bundle->sha256())) return Malformed("bundle sha256", "must have 32 bytes or none");
    if (bundle->generation() > kMaxNumber) return Malformed("bundle generation", "must be at most 2^63 - 1");
  }
  // The other values belong into a report of a host.
  if (message.loaded_evidence() != v1::LOADED_EVIDENCE_UNSPECIFIED &&
      message.loaded_evidence() != v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL) {
    return Malformed("loaded_evidence", "must be none or that of two renewals by one process");
  }
  if (message.adapter_version().size() > kMaxVersionChars || !AllIn(message.adapter_version(), ' ', '~')) {
    return Malformed("adapter_version", "must have at most 64 printable ASCII characters");
  }
  return absl::OkStatus();
}

BundleSighting FromMessage(const v1::BundleSighting& message) { return {message.generation(), message.sha256()}; }

void ToMessage(const BundleSighting& sighting, v1::BundleSighting* message) {
  message->set_generation(sighting.generation);
  message->set_sha256(sighting.sha256);
}

}  // namespace

absl::Status CheckFields(const v1::Statement& message) {
  SIGNET_RETURN_IF_ERROR(CheckWho(message));
  SIGNET_RETURN_IF_ERROR(CheckRequest(message));
  return CheckHost(message);
}

v1::Statement ToMessage(const Statement& statement) {
  v1::Statement message;
  message.set_key_id(absl::HexStringToBytes(statement.key_id));
  message.set_cluster(statement.cluster);
  message.set_node(statement.node);
  message.set_daemon(statement.daemon);
  message.set_issued_at_ms(absl::ToUnixMillis(statement.issued_at));
  message.set_expires_at_ms(absl::ToUnixMillis(statement.expires_at));
  message.set_seq(statement.seq);
  message.set_boot_id(statement.boot_id);
  message.set_csr_spki_sha256(statement.csr_spki_sha256);
  message.set_identity_public_key(statement.identity_spki_der);
  message.set_token_id(absl::HexStringToBytes(statement.token_id));
  ToMessage(statement.bundle_on_disk, message.mutable_bundle_on_disk());
  ToMessage(statement.bundle_loaded, message.mutable_bundle_loaded());
  if (statement.loaded_seen_at_renewal) message.set_loaded_evidence(v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL);
  message.set_adapter_version(statement.adapter_version);
  message.set_machine_id_sha256(statement.machine_id_sha256);
  message.set_kubernetes_token(statement.kubernetes_token);
  return message;
}

Statement FromMessage(const v1::Statement& message) {
  Statement statement;
  statement.key_id = absl::BytesToHexString(message.key_id());
  statement.cluster = message.cluster();
  statement.node = message.node();
  statement.daemon = message.daemon();
  statement.issued_at = absl::FromUnixMillis(message.issued_at_ms());
  statement.expires_at = absl::FromUnixMillis(message.expires_at_ms());
  statement.seq = message.seq();
  statement.boot_id = message.boot_id();
  statement.csr_spki_sha256 = message.csr_spki_sha256();
  statement.identity_spki_der = message.identity_public_key();
  statement.token_id = absl::BytesToHexString(message.token_id());
  statement.bundle_on_disk = FromMessage(message.bundle_on_disk());
  statement.bundle_loaded = FromMessage(message.bundle_loaded());
  statement.loaded_seen_at_renewal = message.loaded_evidence() == v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL;
  statement.adapter_version = message.adapter_version();
  statement.machine_id_sha256 = message.machine_id_sha256();
  statement.kubernetes_token = message.kubernetes_token();
  return statement;
}

}  // namespace signet::evidence
