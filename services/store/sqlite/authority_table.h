// Authorities with their requests, crosses and revocation lists, and the keys that are none.
#ifndef SIGNET_SERVICES_STORE_SQLITE_AUTHORITY_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_AUTHORITY_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteAuthorityTable final : public AuthorityTable {
 public:
  explicit SqliteAuthorityTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<std::vector<AuthorityRow>> List() const override;
  absl::Status Insert(const AuthorityRow& row) override;
  absl::Status Update(const AuthorityRow& row) override;
  absl::StatusOr<KeyRow> FindKey(absl::string_view purpose) const override;
  absl::Status InsertKey(const KeyRow& row) override;
  absl::StatusOr<std::vector<AuthorityRequestRow>> ListRequests() const override;
  absl::Status InsertRequest(const AuthorityRequestRow& row) override;
  absl::StatusOr<bool> WithdrawRequest(absl::string_view id, absl::Time when) override;
  absl::StatusOr<bool> DeleteRequest(absl::string_view id) override;
  absl::StatusOr<std::vector<CrossRow>> ListCrosses() const override;
  absl::Status InsertCross(const CrossRow& row) override;
  absl::StatusOr<RevocationListRow> FindRevocationList(absl::string_view authority_id) const override;
  absl::Status PutRevocationList(const RevocationListRow& row) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_AUTHORITY_TABLE_H_
