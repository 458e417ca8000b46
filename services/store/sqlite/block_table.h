// Names that get nothing.
#ifndef SIGNET_SERVICES_STORE_SQLITE_BLOCK_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_BLOCK_TABLE_H_

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteBlockTable final : public BlockTable {
 public:
  explicit SqliteBlockTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<BlockRow> Find(absl::string_view node) const override;
  absl::StatusOr<int64_t> Count() const override;
  absl::Status Insert(const BlockRow& row) override;
  absl::StatusOr<bool> Delete(absl::string_view node) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_BLOCK_TABLE_H_
