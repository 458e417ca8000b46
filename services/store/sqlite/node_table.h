// The ledger of nodes and the identity keys they were admitted with.
#ifndef SIGNET_SERVICES_STORE_SQLITE_NODE_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_NODE_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteNodeTable final : public NodeTable {
 public:
  explicit SqliteNodeTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<NodeRow> Find(absl::string_view name, absl::string_view daemon) const override;
  absl::Status Put(const NodeRow& row) override;
  absl::StatusOr<std::vector<NodeRow>> List(absl::string_view after_name, absl::string_view after_daemon,
                                            int limit) const override;
  absl::StatusOr<NodeCounts> Count(absl::Time now) const override;
  absl::StatusOr<NodeTallies> CountKinds(absl::Time now, uint64_t generation, int versions) const override;
  absl::StatusOr<uint64_t> HighestGeneration() const override;
  absl::StatusOr<IdentityRow> FindIdentity(absl::string_view key_id) const override;
  absl::Status InsertIdentity(const IdentityRow& row) override;
  absl::StatusOr<int64_t> EndIdentities(absl::string_view node, absl::string_view daemon, absl::Time when,
                                        EndedBy by) override;
  absl::StatusOr<IdentityRow> FindIdentityOfPod(absl::string_view pod_uid) const override;
  absl::StatusOr<std::vector<IdentityRow>> ListIdentitiesOfToken(absl::string_view token_id, int limit) const override;
  absl::StatusOr<int64_t> Forget(absl::string_view name) override;
  absl::StatusOr<int64_t> CountIdentities(absl::string_view node, absl::string_view daemon,
                                          absl::Time since) const override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_NODE_TABLE_H_
