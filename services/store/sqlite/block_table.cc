#include "services/store/sqlite/block_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::StatusOr<BlockRow> SqliteBlockTable::Find(absl::string_view node) const {
  Statement statement(connection_, "SELECT node, reason, blocked_by, blocked_at FROM blocks WHERE node = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(node).Next());
  if (!found) return NoSuch("block");
  BlockRow row;
  row.node = statement.ReadBytes();
  row.reason = statement.ReadBytes();
  row.blocked_by = statement.ReadBytes();
  row.blocked_at = statement.ReadTime();
  return row;
}

absl::StatusOr<int64_t> SqliteBlockTable::Count() const {
  Statement statement(connection_, "SELECT count(*) FROM blocks");
  SIGNET_RETURN_IF_ERROR(statement.Next().status());
  return statement.ReadInt();
}

absl::Status SqliteBlockTable::Insert(const BlockRow& row) {
  Statement statement(connection_, "INSERT INTO blocks (node, reason, blocked_by, blocked_at) VALUES (?1, ?2, ?3, ?4)");
  return statement.Text(row.node).Text(row.reason).Text(row.blocked_by).Time(row.blocked_at).Run().status();
}

absl::StatusOr<bool> SqliteBlockTable::Delete(absl::string_view node) {
  Statement statement(connection_, "DELETE FROM blocks WHERE node = ?1");
  SIGNET_ASSIGN_OR_RETURN(const int64_t deleted, statement.Text(node).Run());
  return deleted > 0;
}

}  // namespace signet::store::sqlite
