// Who may make boot tokens for which nodes.
#ifndef SIGNET_SERVICES_STORE_SQLITE_PROVISIONER_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_PROVISIONER_TABLE_H_

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteProvisionerTable final : public ProvisionerTable {
 public:
  explicit SqliteProvisionerTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<ProvisionerRow> Find(absl::string_view name) const override;
  absl::StatusOr<std::vector<ProvisionerRow>> List() const override;
  absl::Status Put(const ProvisionerRow& row) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_PROVISIONER_TABLE_H_
