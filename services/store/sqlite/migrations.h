// Numbered changes of the schema.
#ifndef SIGNET_SERVICES_STORE_SQLITE_MIGRATIONS_H_
#define SIGNET_SERVICES_STORE_SQLITE_MIGRATIONS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/store/sqlite/connection.h"

namespace signet::store::sqlite {

// In the file's header: tells a store of ours from another program's database. "SGNT".
inline constexpr int kApplicationId = 0x53474E54;
// The newest schema this program knows; kept in the file as user_version.
inline constexpr int kSchemaVersion = 4;

// migration_1.cc and so on: each holds the SQL that leads from the schema before it. Never edited after a release.
extern const char kMigration1[];
extern const char kMigration2[];
extern const char kMigration3[];
extern const char kMigration4[];

// Brings the schema to kSchemaVersion, each step in a transaction of its own. FAILED_PRECONDITION when the file is
// newer or not ours; `path` is for the message.
absl::Status Migrate(Connection& connection, absl::string_view path);

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_MIGRATIONS_H_
