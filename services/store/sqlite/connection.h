// One SQLite connection and its prepared statements.
#ifndef SIGNET_SERVICES_STORE_SQLITE_CONNECTION_H_
#define SIGNET_SERVICES_STORE_SQLITE_CONNECTION_H_

#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace signet::store::sqlite {

// Used by one thread at a time.
class Connection {
 public:
  // Opens an existing file. Nothing is read from it yet. UNAVAILABLE / STORE_UNAVAILABLE names the path.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements that return no row, or whose rows do not matter.
  absl::Status Execute(const char* sql);
  // The first column of the first row.
  absl::StatusOr<std::string> Value(const char* sql);
  // The prepared statement of `sql`, kept from its first use on. `sql` must be a literal: its address is the key.
  absl::StatusOr<sqlite3_stmt*> Prepared(const char* sql);

  // The status of a failed call, with SQLite's words: ALREADY_EXISTS for a duplicate key, else UNAVAILABLE /
  // STORE_UNAVAILABLE. Anything but a violated constraint is remembered in broken().
  absl::Status Failure(absl::string_view doing);
  // True when a call failed since ResetBroken() for want of disk, memory or a sound file. SQLite may then have undone
  // the whole transaction, not only a statement: nothing in it may be believed.
  bool broken() const { return broken_; }
  void ResetBroken() { broken_ = false; }
  // True between BEGIN and COMMIT, as SQLite sees it.
  bool in_transaction() const;

  sqlite3* handle() const { return handle_; }

 private:
  explicit Connection(sqlite3* handle) : handle_(handle) {}

  sqlite3* handle_;
  bool broken_ = false;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_CONNECTION_H_
