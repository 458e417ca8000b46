#include "services/store/sqlite/approval_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

// In the order of Read() and Put().
#define SIGNET_APPROVAL_COLUMNS "key_id, node, daemon, approved_by, approved_at, expires_at"

namespace signet::store::sqlite {

namespace {

ApprovalRow Read(Statement& statement) {
  ApprovalRow row;
  row.key_id = statement.ReadBytes();
  row.node = statement.ReadBytes();
  row.daemon = statement.ReadBytes();
  row.approved_by = statement.ReadBytes();
  row.approved_at = statement.ReadTime();
  row.expires_at = statement.ReadTime();
  return row;
}

}  // namespace

absl::StatusOr<ApprovalRow> SqliteApprovalTable::Find(absl::string_view key_id) const {
  Statement statement(connection_, "SELECT " SIGNET_APPROVAL_COLUMNS " FROM approvals WHERE key_id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(key_id).Next());
  if (!found) return NoSuch("approval");
  return Read(statement);
}

absl::StatusOr<std::vector<ApprovalRow>> SqliteApprovalTable::List(absl::string_view node) const {
  Statement statement(connection_, "SELECT " SIGNET_APPROVAL_COLUMNS
                                   " FROM approvals WHERE node = ?1 ORDER BY approved_at DESC, key_id");
  statement.Text(node);
  std::vector<ApprovalRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    rows.push_back(Read(statement));
  }
}

absl::Status SqliteApprovalTable::Put(const ApprovalRow& row) {
  Statement statement(connection_,
                      "INSERT OR REPLACE INTO approvals (" SIGNET_APPROVAL_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  statement.Text(row.key_id).Text(row.node).Text(row.daemon).Text(row.approved_by).Time(row.approved_at);
  return statement.Time(row.expires_at).Run().status();
}

absl::StatusOr<bool> SqliteApprovalTable::Delete(absl::string_view key_id) {
  Statement statement(connection_, "DELETE FROM approvals WHERE key_id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const int64_t deleted, statement.Text(key_id).Run());
  return deleted > 0;
}

absl::StatusOr<int64_t> SqliteApprovalTable::DeleteOfNode(absl::string_view node) {
  Statement statement(connection_, "DELETE FROM approvals WHERE node = ?1");
  return statement.Text(node).Run();
}

}  // namespace signet::store::sqlite
