#include "services/store/sqlite/migrations.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::store::sqlite {
namespace {

constexpr const char* kMigrations[] = {kMigration1, kMigration2, kMigration3, kMigration4};
static_assert(std::size(kMigrations) == kSchemaVersion);

absl::StatusOr<int> Number(Connection& connection, const char* sql) {
  SIGNET_ASSIGN_OR_RETURN(const std::string text, connection.Value(sql));
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, absl::StrCat(sql, " is no number"));
  }
  return number;
}

absl::Status Step(Connection& connection, int version) {
  SIGNET_RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  absl::Status status = connection.Execute(kMigrations[version - 1]);
  if (status.ok()) status = connection.Execute(absl::StrCat("PRAGMA user_version = ", version).c_str());
  if (status.ok()) status = connection.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str());
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace

absl::Status Migrate(Connection& connection, absl::string_view path) {
  SIGNET_ASSIGN_OR_RETURN(const int application, Number(connection, "PRAGMA application_id"));
  SIGNET_ASSIGN_OR_RETURN(const int objects, Number(connection, "SELECT count(*) FROM sqlite_schema"));
  SIGNET_ASSIGN_OR_RETURN(const int found, Number(connection, "PRAGMA user_version"));
  const bool fresh = application == 0 && objects == 0 && found == 0;
  if (!fresh && application != kApplicationId) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, ": a database of another program"), "set data_dir to another directory");
  }
  if (found < 0 || found > kSchemaVersion) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat(path, ": schema ", found, " is newer than ", kSchemaVersion, ", which this signetd knows"),
        "start the newer signetd, or restore a backup made by this one");
  }
  for (int version = found + 1; version <= kSchemaVersion; ++version) SIGNET_RETURN_IF_ERROR(Step(connection, version));
  return absl::OkStatus();
}

}  // namespace signet::store::sqlite
