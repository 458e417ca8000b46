#include "services/store/sqlite/statement.h"

#include <sqlite3.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::store::sqlite {

Statement::Statement(Connection& connection, const char* sql) : connection_(connection), sql_(sql) {
  absl::StatusOr<sqlite3_stmt*> prepared = connection.Prepared(sql);
  if (prepared.ok()) {
    statement_ = *prepared;
  } else {
    status_ = prepared.status();
  }
}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::Text(absl::string_view value) {
  // A null pointer would bind NULL instead of the empty string.
  const char* data = value.data() == nullptr ? "" : value.data();
  if (status_.ok()) {
    Check(sqlite3_bind_text64(statement_, ++bound_, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  return *this;
}

Statement& Statement::Blob(absl::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  if (status_.ok()) Check(sqlite3_bind_blob64(statement_, ++bound_, data, value.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::Int(int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::Time(absl::Time value) { return Int(ToStoredTime(value)); }

absl::StatusOr<bool> Statement::Next() {
  if (!status_.ok()) return status_;
  column_ = 0;
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  status_ = connection_.Failure(sql_);
  return status_;
}

absl::StatusOr<int64_t> Statement::Run() {
  SIGNET_RETURN_IF_ERROR(Next().status());
  return sqlite3_changes64(connection_.handle());
}

std::string Statement::ReadBytes() {
  const void* data = sqlite3_column_blob(statement_, column_);
  const int size = sqlite3_column_bytes(statement_, column_);
  ++column_;
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

int64_t Statement::ReadInt() { return sqlite3_column_int64(statement_, column_++); }

absl::Time Statement::ReadTime() {
  const int64_t stored = ReadInt();
  if (stored == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  if (stored == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  return absl::FromUnixMillis(stored);
}

void Statement::Check(int result) {
  if (result != SQLITE_OK) status_ = connection_.Failure(sql_);
}

int64_t ToStoredTime(absl::Time time) { return absl::ToUnixMillis(time); }

absl::Status NoSuch(absl::string_view what) {
  return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, absl::StrCat("no such ", what));
}

}  // namespace signet::store::sqlite
