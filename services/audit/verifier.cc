#include "services/audit/verifier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/audit/chain_hash.h"
#include "services/base/status_macros.h"
#include "services/keys/signer.h"
#include "signet/v1/audit.pb.h"

namespace signet::audit {
namespace {

constexpr int kPage = 512;

}  // namespace

absl::StatusOr<Verdict> Verifier::Walk() {
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuditRow> page, table_.List(verdict_.records, kPage));
    if (page.empty()) break;
    for (const store::AuditRow& row : page) {
      SIGNET_RETURN_IF_ERROR(CheckRecord(row));
      if (verdict_.fault.empty()) SIGNET_RETURN_IF_ERROR(CheckCheckpointsUpTo(row));
      if (!verdict_.fault.empty()) return verdict_;
      previous_hash_ = ChainHash(row.bytes);
      ++verdict_.records;
    }
  }
  SIGNET_ASSIGN_OR_RETURN(const store::CheckpointRow* beyond, NextCheckpoint());
  if (beyond != nullptr) {
    Blame(verdict_.records + 1, absl::StrCat("record ", verdict_.records + 1, " is missing: the log ends at ",
                                             verdict_.records, ", a checkpoint covers record ", beyond->sequence));
  }
  return verdict_;
}

absl::Status Verifier::CheckRecord(const store::AuditRow& row) {
  const uint64_t expected = verdict_.records + 1;
  if (row.sequence != expected) {
    Blame(expected, absl::StrCat("record ", expected, " is missing"));
    return absl::OkStatus();
  }
  v1::AuditRecord record;
  if (!record.ParseFromString(row.bytes) || record.sequence() != expected) {
    Blame(expected, absl::StrCat("record ", expected, " is not what was written as such"));
    return absl::OkStatus();
  }
  if (record.previous_sha256() == previous_hash_) return absl::OkStatus();
  // Either this record or the one before was changed. If this one was, the next one does not fit it either.
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuditRow> next, table_.List(expected, 1));
  v1::AuditRecord following;
  const bool fits_next =
      next.empty() || (following.ParseFromString(next[0].bytes) && following.previous_sha256() == ChainHash(row.bytes));
  const uint64_t bad = fits_next && expected > 1 ? expected - 1 : expected;
  Blame(bad, absl::StrCat("record ", bad, " was changed: record ", expected,
                          " does not hold the hash of the one before it"));
  return absl::OkStatus();
}

absl::Status Verifier::CheckCheckpointsUpTo(const store::AuditRow& row) {
  while (verdict_.fault.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const store::CheckpointRow* checkpoint, NextCheckpoint());
    if (checkpoint == nullptr || checkpoint->sequence > row.sequence) break;
    CheckCheckpoint(*checkpoint, row);
    last_checkpoint_ = checkpoint->sequence;
    ++next_checkpoint_;
  }
  // Whoever rewrites the log would remove the checkpoints that speak against it.
  if (verdict_.fault.empty() && row.sequence - last_checkpoint_ >= checkpoint_every_) {
    Blame(row.sequence,
          absl::StrCat("a checkpoint between records ", last_checkpoint_ + 1, " and ", row.sequence, " is missing"));
  }
  return absl::OkStatus();
}

void Verifier::CheckCheckpoint(const store::CheckpointRow& row, const store::AuditRow& record) {
  v1::SignedCheckpoint signed_checkpoint;
  v1::Checkpoint checkpoint;
  if (!signed_checkpoint.ParseFromString(row.bytes) || !checkpoint.ParseFromString(signed_checkpoint.checkpoint()) ||
      !keys::VerifyInDomain(audit_key_, keys::kCheckpointDomain, signed_checkpoint.checkpoint(),
                            signed_checkpoint.signature())
           .ok()) {
    Blame(row.sequence, absl::StrCat("the checkpoint of record ", row.sequence, " is not signed by the audit key"));
    return;
  }
  if (checkpoint.sequence() != row.sequence || row.sequence != record.sequence || checkpoint.cluster() != cluster_) {
    Blame(row.sequence, absl::StrCat("the checkpoint of record ", row.sequence, " belongs to record ",
                                     checkpoint.sequence(), " of cluster ", checkpoint.cluster()));
    return;
  }
  if (checkpoint.sha256() != ChainHash(record.bytes)) {
    Blame(row.sequence, absl::StrCat("record ", row.sequence, " contradicts its signed checkpoint: records ",
                                     last_checkpoint_ + 1, " to ", row.sequence, " may have been rewritten"));
    return;
  }
  ++verdict_.checkpoints;
}

void Verifier::Blame(uint64_t sequence, std::string fault) {
  verdict_.first_bad_sequence = sequence;
  verdict_.fault = std::move(fault);
}

absl::StatusOr<const store::CheckpointRow*> Verifier::NextCheckpoint() {
  if (next_checkpoint_ == checkpoints_.size()) {
    const uint64_t after = last_checkpoint_;
    SIGNET_ASSIGN_OR_RETURN(checkpoints_, table_.ListCheckpoints(after, kPage));
    next_checkpoint_ = 0;
    if (checkpoints_.empty()) return nullptr;
  }
  return &checkpoints_[next_checkpoint_];
}

}  // namespace signet::audit
