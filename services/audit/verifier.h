// Walks the log from its first record to its last.
#ifndef SIGNET_SERVICES_AUDIT_VERIFIER_H_
#define SIGNET_SERVICES_AUDIT_VERIFIER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/store/tables.h"
#include "services/x509/public_key.h"

namespace signet::audit {

// For one walk over one snapshot; reads in pages, so that memory does not grow with the log. References must outlive
// this.
class Verifier {
 public:
  Verifier(const store::AuditTable& table, absl::string_view cluster, const x509::PublicKey& audit_key,
           uint64_t checkpoint_every)
      : table_(table), cluster_(cluster), audit_key_(audit_key), checkpoint_every_(checkpoint_every) {}

  // Stops at the first fault. An error only when the store cannot be read.
  absl::StatusOr<Verdict> Walk();

 private:
  // Each sets verdict_.fault when something is wrong.
  absl::Status CheckRecord(const store::AuditRow& row);
  absl::Status CheckCheckpointsUpTo(const store::AuditRow& row);
  void CheckCheckpoint(const store::CheckpointRow& checkpoint, const store::AuditRow& row);
  void Blame(uint64_t sequence, std::string fault);
  // The checkpoint that comes next; null behind the last.
  absl::StatusOr<const store::CheckpointRow*> NextCheckpoint();

  const store::AuditTable& table_;
  const absl::string_view cluster_;
  const x509::PublicKey& audit_key_;
  const uint64_t checkpoint_every_;
  Verdict verdict_;
  std::string previous_hash_;                      // of the record before; empty before the first
  uint64_t last_checkpoint_ = 0;                   // sequence of the last good one
  std::vector<store::CheckpointRow> checkpoints_;  // the page at hand
  std::size_t next_checkpoint_ = 0;
};

}  // namespace signet::audit

#endif  // SIGNET_SERVICES_AUDIT_VERIFIER_H_
