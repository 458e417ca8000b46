#include "services/store/sqlite/provisioner_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

namespace {

ProvisionerRow Read(Statement& statement) {
  ProvisionerRow row;
  row.name = statement.ReadBytes();
  row.nodes = statement.ReadBytes();
  row.issued_by = statement.ReadBytes();
  row.issued_at = statement.ReadTime();
  return row;
}

}  // namespace

absl::StatusOr<ProvisionerRow> SqliteProvisionerTable::Find(absl::string_view name) const {
  Statement statement(connection_, "SELECT name, nodes, issued_by, issued_at FROM provisioners WHERE name = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(name).Next());
  if (!found) return NoSuch("provisioner");
  return Read(statement);
}

absl::StatusOr<std::vector<ProvisionerRow>> SqliteProvisionerTable::List() const {
  Statement statement(connection_, "SELECT name, nodes, issued_by, issued_at FROM provisioners ORDER BY name");
  std::vector<ProvisionerRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    rows.push_back(Read(statement));
  }
}

absl::Status SqliteProvisionerTable::Put(const ProvisionerRow& row) {
  Statement statement(connection_,
                      "INSERT OR REPLACE INTO provisioners (name, nodes, issued_by, issued_at) "
                      "VALUES (?1, ?2, ?3, ?4)");
  return statement.Text(row.name).Text(row.nodes).Text(row.issued_by).Time(row.issued_at).Run().status();
}

}  // namespace signet::store::sqlite
