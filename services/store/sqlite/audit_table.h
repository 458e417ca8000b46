// The audit log's bytes.
#ifndef SIGNET_SERVICES_STORE_SQLITE_AUDIT_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_AUDIT_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteAuditTable final : public AuditTable {
 public:
  explicit SqliteAuditTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<AuditRow> Last() const override;
  absl::Status Append(const AuditRow& row) override;
  absl::StatusOr<std::vector<AuditRow>> List(uint64_t after_sequence, int limit) const override;
  absl::StatusOr<CheckpointRow> LastCheckpoint() const override;
  absl::Status AppendCheckpoint(const CheckpointRow& row) override;
  absl::StatusOr<std::vector<CheckpointRow>> ListCheckpoints(uint64_t after_sequence, int limit) const override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_AUDIT_TABLE_H_
