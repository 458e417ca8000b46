// One use of a prepared statement.
#ifndef SIGNET_SERVICES_STORE_SQLITE_STATEMENT_H_
#define SIGNET_SERVICES_STORE_SQLITE_STATEMENT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/sqlite/connection.h"

namespace signet::store::sqlite {

// Binds ?1, ?2, … in the order of the calls, steps, and reads columns from left to right. The first error is kept and
// comes out of Next() or Run(), so that a chain of binds needs no checks. Gives the statement back, reset, on
// destruction.
//
//   Statement statement(connection, "SELECT name, seq FROM t WHERE id = ?1");
//   SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(id).Next());
//   row.name = statement.ReadBytes();
//   row.seq = statement.ReadUint();
class Statement {
 public:
  // `sql` must be a literal.
  Statement(Connection& connection, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // TEXT and BLOB never compare equal in SQLite: each column takes always the same one. The bytes must outlive the use.
  Statement& Text(absl::string_view value);
  Statement& Blob(absl::string_view value);
  Statement& Int(int64_t value);
  // Kept as the int64 with the same bits: what comes from a statement may use all 64.
  Statement& Uint(uint64_t value) { return Int(static_cast<int64_t>(value)); }
  // Unix milliseconds; the infinities are the two ends of int64.
  Statement& Time(absl::Time value);

  // True when there is a row to read.
  absl::StatusOr<bool> Next();
  // For a statement without rows; the number of rows it changed.
  absl::StatusOr<int64_t> Run();

  std::string ReadBytes();
  int64_t ReadInt();
  uint64_t ReadUint() { return static_cast<uint64_t>(ReadInt()); }
  absl::Time ReadTime();

 private:
  void Check(int result);

  Connection& connection_;
  const char* sql_;
  sqlite3_stmt* statement_ = nullptr;
  absl::Status status_;
  int bound_ = 0;
  int column_ = 0;
};

// The stored number of a time.
int64_t ToStoredTime(absl::Time time);

// NOT_FOUND / NOT_FOUND with "no such <what>".
absl::Status NoSuch(absl::string_view what);

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_STATEMENT_H_
