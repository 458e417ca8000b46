#include "services/store/sqlite/audit_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {
namespace {

template <typename Row>
absl::StatusOr<Row> Last(Connection& connection, const char* sql) {
  Statement statement(connection, sql);
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
  if (!found) return NoSuch("record");
  Row row;
  row.sequence = statement.ReadUint();
  row.bytes = statement.ReadBytes();
  return row;
}

template <typename Row>
absl::Status Append(Connection& connection, const char* sql, const Row& row) {
  Statement statement(connection, sql);
  return statement.Uint(row.sequence).Blob(row.bytes).Run().status();
}

template <typename Row>
absl::StatusOr<std::vector<Row>> List(Connection& connection, const char* sql, uint64_t after_sequence, int limit) {
  Statement statement(connection, sql);
  statement.Uint(after_sequence).Int(limit);
  std::vector<Row> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    Row& row = rows.emplace_back();
    row.sequence = statement.ReadUint();
    row.bytes = statement.ReadBytes();
  }
}

}  // namespace

absl::StatusOr<AuditRow> SqliteAuditTable::Last() const {
  return sqlite::Last<AuditRow>(connection_, "SELECT sequence, bytes FROM audit ORDER BY sequence DESC LIMIT 1");
}

absl::Status SqliteAuditTable::Append(const AuditRow& row) {
  return sqlite::Append(connection_, "INSERT INTO audit (sequence, bytes) VALUES (?1, ?2)", row);
}

absl::StatusOr<std::vector<AuditRow>> SqliteAuditTable::List(uint64_t after_sequence, int limit) const {
  return sqlite::List<AuditRow>(connection_,
                                "SELECT sequence, bytes FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                                after_sequence, limit);
}

absl::StatusOr<CheckpointRow> SqliteAuditTable::LastCheckpoint() const {
  return sqlite::Last<CheckpointRow>(connection_,
                                     "SELECT sequence, bytes FROM checkpoints ORDER BY sequence DESC LIMIT 1");
}

absl::Status SqliteAuditTable::AppendCheckpoint(const CheckpointRow& row) {
  return sqlite::Append(connection_, "INSERT INTO checkpoints (sequence, bytes) VALUES (?1, ?2)", row);
}

absl::StatusOr<std::vector<CheckpointRow>> SqliteAuditTable::ListCheckpoints(uint64_t after_sequence, int limit) const {
  return sqlite::List<CheckpointRow>(
      connection_, "SELECT sequence, bytes FROM checkpoints WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      after_sequence, limit);
}

}  // namespace signet::store::sqlite
