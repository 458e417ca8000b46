// What was refused last, by node.
#ifndef SIGNET_SERVICES_STORE_SQLITE_REFUSAL_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_REFUSAL_TABLE_H_

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteRefusalTable final : public RefusalTable {
 public:
  explicit SqliteRefusalTable(Connection& connection) : connection_(connection) {}
  absl::Status Insert(const RefusalRow& row) override;
  absl::StatusOr<std::vector<RefusalRow>> List(absl::string_view node) const override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_REFUSAL_TABLE_H_
