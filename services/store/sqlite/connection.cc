#include "services/store/sqlite/connection.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::store::sqlite {
namespace {

// Another process (a backup, an admin's shell) may hold the lock for a moment; a request has no more time than this.
constexpr int kBusyTimeoutMs = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (result != SQLITE_OK) {
    return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                         absl::StrCat(path, ": cannot open: ", sqlite3_errstr(result)));
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // The file may have been written by someone else: its schema must not run code or be edited behind SQLite's back.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

absl::Status Connection::Execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Failure(sql);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Connection::Value(const char* sql) {
  SIGNET_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepared(sql));
  std::string value;
  const int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    value.assign(static_cast<const char*>(sqlite3_column_blob(statement, 0)), sqlite3_column_bytes(statement, 0));
  }
  absl::Status status = result == SQLITE_ROW || result == SQLITE_DONE ? absl::OkStatus() : Failure(sql);
  sqlite3_reset(statement);
  if (!status.ok()) return status;
  return value;
}

absl::StatusOr<sqlite3_stmt*> Connection::Prepared(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return Failure(sql);
  }
  statements_.emplace(sql, statement);
  return statement;
}

absl::Status Connection::Failure(absl::string_view doing) {
  const int code = sqlite3_extended_errcode(handle_);
  if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_ROWID) {
    return base::Refusal(absl::StatusCode::kAlreadyExists, base::kAlreadyExists,
                         absl::StrCat("there is such a row already: ", sqlite3_errmsg(handle_)));
  }
  if ((code & 0xFF) != SQLITE_CONSTRAINT) broken_ = true;
  return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                       absl::StrCat("store: ", sqlite3_errmsg(handle_), " (", code, ") in: ", doing.substr(0, 80)));
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace signet::store::sqlite
