#include "services/store/sqlite/bundle_table.h"

#include <algorithm>
#include <utility>

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::StatusOr<BundleRow> SqliteBundleTable::Newest() const {
  SIGNET_ASSIGN_OR_RETURN(std::vector<BundleRow> rows, List(1));
  if (rows.empty()) return NoSuch("bundle");
  return std::move(rows.front());
}

absl::StatusOr<std::vector<BundleRow>> SqliteBundleTable::List(int limit) const {
  Statement statement(connection_,
                      "SELECT generation, signed_bundle, created_at FROM bundles ORDER BY generation DESC LIMIT ?1");
  statement.Int(std::max(limit, 0));
  std::vector<BundleRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    BundleRow& row = rows.emplace_back();
    row.generation = statement.ReadUint();
    row.signed_bundle = statement.ReadBytes();
    row.created_at = statement.ReadTime();
  }
}

absl::Status SqliteBundleTable::Insert(const BundleRow& row) {
  Statement statement(connection_, "INSERT INTO bundles (generation, signed_bundle, created_at) VALUES (?1, ?2, ?3)");
  return statement.Uint(row.generation).Blob(row.signed_bundle).Time(row.created_at).Run().status();
}

}  // namespace signet::store::sqlite
