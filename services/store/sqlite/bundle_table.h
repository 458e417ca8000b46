// Signed trust bundles.
#ifndef SIGNET_SERVICES_STORE_SQLITE_BUNDLE_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_BUNDLE_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteBundleTable final : public BundleTable {
 public:
  explicit SqliteBundleTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<BundleRow> Newest() const override;
  absl::StatusOr<std::vector<BundleRow>> List(int limit) const override;
  absl::Status Insert(const BundleRow& row) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_BUNDLE_TABLE_H_
