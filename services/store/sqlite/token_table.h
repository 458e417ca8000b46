// The public halves of tokens.
#ifndef SIGNET_SERVICES_STORE_SQLITE_TOKEN_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_TOKEN_TABLE_H_

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteTokenTable final : public TokenTable {
 public:
  explicit SqliteTokenTable(Connection& connection) : connection_(connection) {}
  absl::Status Insert(const TokenRow& row) override;
  absl::StatusOr<TokenRow> Find(absl::string_view id) const override;
  absl::Status Update(const TokenRow& row) override;
  absl::StatusOr<TokenPage> List(const TokenQuery& query) const override;
  absl::StatusOr<int64_t> CountOpen(absl::Time now) const override;
  absl::StatusOr<std::vector<TokenTally>> CountStates(absl::Time now, absl::Time expiring_before) const override;
  absl::StatusOr<int64_t> RevokeOfNode(absl::string_view node, absl::Time now) override;
  absl::StatusOr<int64_t> RevokeOfLabel(absl::string_view label, absl::Time now) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_TOKEN_TABLE_H_
