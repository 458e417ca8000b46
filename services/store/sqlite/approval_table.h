// Identity keys that an administrator admits.
#ifndef SIGNET_SERVICES_STORE_SQLITE_APPROVAL_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_APPROVAL_TABLE_H_

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteApprovalTable final : public ApprovalTable {
 public:
  explicit SqliteApprovalTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<ApprovalRow> Find(absl::string_view key_id) const override;
  absl::StatusOr<std::vector<ApprovalRow>> List(absl::string_view node) const override;
  absl::Status Put(const ApprovalRow& row) override;
  absl::StatusOr<bool> Delete(absl::string_view key_id) override;
  absl::StatusOr<int64_t> DeleteOfNode(absl::string_view node) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_APPROVAL_TABLE_H_
