#include "services/store/sqlite/bundle_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::StatusOr<BundleRow> SqliteBundleTable::Newest() const {
  Statement statement(connection_,
                      "SELECT generation, signed_bundle, created_at FROM bundles ORDER BY generation DESC LIMIT 1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
  if (!found) return NoSuch("bundle");
  BundleRow row;
  row.generation = statement.ReadUint();
  row.signed_bundle = statement.ReadBytes();
  row.created_at = statement.ReadTime();
  return row;
}

absl::Status SqliteBundleTable::Insert(const BundleRow& row) {
  Statement statement(connection_, "INSERT INTO bundles (generation, signed_bundle, created_at) VALUES (?1, ?2, ?3)");
  return statement.Uint(row.generation).Blob(row.signed_bundle).Time(row.created_at).Run().status();
}

}  // namespace signet::store::sqlite
