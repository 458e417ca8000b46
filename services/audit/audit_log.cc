#include "services/audit/audit_log.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/audit/chain_hash.h"
#include "services/audit/text.h"
#include "services/audit/verifier.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/audit.pb.h"

namespace signet::audit {
namespace {

constexpr std::size_t kMaxText = 1024;
// A hostlist of a thousand nodes.
constexpr std::size_t kMaxSubject = 16 * 1024;

// Map entries in a fixed order, so that equal events make equal bytes.
std::string Serialized(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string RecordBytes(const Event& event, uint64_t sequence, const std::string& previous_sha256, absl::Time now) {
  v1::AuditRecord record;
  record.set_sequence(sequence);
  record.set_previous_sha256(previous_sha256);
  record.set_time_ms(absl::ToUnixMillis(now));
  record.set_actor(FitText(event.origin.actor, kMaxText));
  record.set_request_id(FitText(event.origin.request_id, kMaxText));
  record.set_action(FitText(event.action, kMaxText));
  record.set_subject(FitText(event.subject, kMaxSubject));
  record.set_outcome(event.reason.empty() ? v1::AUDIT_OUTCOME_DONE : v1::AUDIT_OUTCOME_REFUSED);
  record.set_reason(FitText(event.reason, kMaxText));
  record.set_message(FitText(event.message, kMaxText));
  for (const auto& [name, value] : event.facts) {
    (*record.mutable_facts())[FitText(name, kMaxText)] = FitText(value, kMaxText);
  }
  return Serialized(record);
}

absl::Status AppendCheckpoint(store::AuditTable& table, const store::AuditRow& record, absl::string_view cluster,
                              const keys::Signer& audit_key, absl::Time now, telemetry::Logger& logger) {
  const std::string hash = ChainHash(record.bytes);
  v1::Checkpoint checkpoint;
  checkpoint.set_cluster(std::string(cluster));
  checkpoint.set_sequence(record.sequence);
  checkpoint.set_sha256(hash);
  checkpoint.set_time_ms(absl::ToUnixMillis(now));
  v1::SignedCheckpoint signed_checkpoint;
  signed_checkpoint.set_checkpoint(Serialized(checkpoint));
  SIGNET_ASSIGN_OR_RETURN(std::string signature,
                          keys::SignInDomain(audit_key, keys::kCheckpointDomain, signed_checkpoint.checkpoint()));
  signed_checkpoint.set_signature(signature);
  SIGNET_RETURN_IF_ERROR(table.AppendCheckpoint({record.sequence, Serialized(signed_checkpoint)}));
  logger.Info("audit.checkpoint", {{"cluster", std::string(cluster)},
                                   {"sequence", absl::StrCat(record.sequence)},
                                   {"sha256", absl::BytesToHexString(hash)},
                                   {"time_ms", absl::StrCat(checkpoint.time_ms())},
                                   {"signature", absl::Base64Escape(signature)}});
  return absl::OkStatus();
}

}  // namespace

Event RefusedEvent(Origin origin, absl::string_view action, absl::string_view subject, const absl::Status& status) {
  Event event;
  event.origin = std::move(origin);
  event.action = std::string(action);
  event.subject = std::string(subject);
  event.reason = base::ReasonOf(status);
  // An empty reason would say that it was done.
  if (event.reason.empty()) event.reason = base::kInternal;
  event.message = std::string(status.message());
  return event;
}

AuditLog::AuditLog(std::string cluster, std::shared_ptr<const keys::Signer> audit_key, base::Clock& clock,
                   telemetry::Logger& logger, uint64_t checkpoint_every)
    : cluster_(std::move(cluster)),
      audit_key_(std::move(audit_key)),
      clock_(clock),
      logger_(logger),
      checkpoint_every_(std::max<uint64_t>(checkpoint_every, 1)) {}

absl::Status AuditLog::Append(store::Tables& tables, const Event& event) const {
  const absl::StatusOr<store::AuditRow> last = tables.audit().Last();
  if (!last.ok() && !absl::IsNotFound(last.status())) return last.status();
  store::AuditRow row;
  row.sequence = last.ok() ? last->sequence + 1 : 1;
  const absl::Time now = clock_.Now();
  row.bytes = RecordBytes(event, row.sequence, last.ok() ? ChainHash(last->bytes) : "", now);
  SIGNET_RETURN_IF_ERROR(tables.audit().Append(row));
  if (row.sequence % checkpoint_every_ != 0) return absl::OkStatus();
  return AppendCheckpoint(tables.audit(), row, cluster_, *audit_key_, now, logger_);
}

absl::Status AuditLog::Record(store::Store& store, const Event& event) const {
  return store.Write([&](store::Tables& tables) { return Append(tables, event); });
}

absl::Status AuditLog::Checkpoint(store::Tables& tables) const {
  const absl::StatusOr<store::AuditRow> last = tables.audit().Last();
  if (absl::IsNotFound(last.status())) return absl::OkStatus();
  if (!last.ok()) return last.status();
  const absl::StatusOr<store::CheckpointRow> newest = tables.audit().LastCheckpoint();
  if (!newest.ok() && !absl::IsNotFound(newest.status())) return newest.status();
  if (newest.ok() && newest->sequence >= last->sequence) return absl::OkStatus();
  return AppendCheckpoint(tables.audit(), *last, cluster_, *audit_key_, clock_.Now(), logger_);
}

absl::StatusOr<Verdict> AuditLog::Verify(const store::Store& store) const {
  Verdict verdict;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    Verifier verifier(tables.audit(), cluster_, audit_key_->public_key(), checkpoint_every_);
    SIGNET_ASSIGN_OR_RETURN(verdict, verifier.Walk());
    return absl::OkStatus();
  }));
  return verdict;
}

}  // namespace signet::audit
