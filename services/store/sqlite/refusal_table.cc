#include "services/store/sqlite/refusal_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::Status SqliteRefusalTable::Insert(const RefusalRow& row) {
  {
    Statement statement(connection_,
                        "INSERT INTO refusals (node, at, action, reason, message, next, actor, request_id, key_id, "
                        "proven) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    statement.Text(row.node).Time(row.at).Text(row.action).Text(row.reason).Text(row.message).Text(row.next);
    statement.Text(row.actor).Text(row.request_id).Text(row.key_id).Int(row.proven ? 1 : 0);
    SIGNET_RETURN_IF_ERROR(statement.Run().status());
  }
  {
    Statement statement(connection_,
                        "DELETE FROM refusals WHERE node = ?1 AND proven = ?2 AND id NOT IN (SELECT id FROM refusals "
                        "WHERE node = ?1 AND proven = ?2 ORDER BY id DESC LIMIT ?3)");
    statement.Text(row.node).Int(row.proven ? 1 : 0).Int(kRefusalsKept);
    SIGNET_RETURN_IF_ERROR(statement.Run().status());
  }
  if (row.proven) return absl::OkStatus();
  // Ids of deleted rows leave gaps, so this counts.
  Statement statement(connection_,
                      "DELETE FROM refusals WHERE proven = 0 AND id <= (SELECT id FROM refusals WHERE proven = 0 "
                      "ORDER BY id DESC LIMIT 1 OFFSET ?1)");
  return statement.Int(kUnprovenRefusalsKept).Run().status();
}

absl::StatusOr<std::vector<RefusalRow>> SqliteRefusalTable::List(absl::string_view node) const {
  Statement statement(connection_,
                      "SELECT node, at, action, reason, message, next, actor, request_id, key_id, proven "
                      "FROM refusals WHERE node = ?1 ORDER BY id DESC");
  statement.Text(node);
  std::vector<RefusalRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    RefusalRow& row = rows.emplace_back();
    row.node = statement.ReadBytes();
    row.at = statement.ReadTime();
    row.action = statement.ReadBytes();
    row.reason = statement.ReadBytes();
    row.message = statement.ReadBytes();
    row.next = statement.ReadBytes();
    row.actor = statement.ReadBytes();
    row.request_id = statement.ReadBytes();
    row.key_id = statement.ReadBytes();
    row.proven = statement.ReadInt() != 0;
  }
}

}  // namespace signet::store::sqlite
