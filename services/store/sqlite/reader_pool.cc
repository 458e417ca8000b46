#include "services/store/sqlite/reader_pool.h"

#include <utility>

#include "services/base/status_macros.h"
#include "services/store/sqlite/tables.h"

namespace signet::store::sqlite {
namespace {

absl::Status ReadOn(Connection& connection, absl::FunctionRef<absl::Status(const Tables&)> work) {
  SIGNET_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  const SqliteTables tables(connection);
  absl::Status status = work(tables);
  const absl::Status end = connection.Execute("COMMIT");
  if (!end.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  // The work only read: what it found stands, however the transaction ended.
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReaderPool>> ReaderPool::Open(const std::string& path, int size) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < size; ++i) {
    SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(path));
    SIGNET_RETURN_IF_ERROR(connection->Execute("PRAGMA query_only = ON"));
    connections.push_back(std::move(connection));
  }
  return std::unique_ptr<ReaderPool>(new ReaderPool(std::move(connections)));
}

absl::Status ReaderPool::Read(absl::FunctionRef<absl::Status(const Tables&)> work) {
  std::unique_ptr<Connection> connection;
  {
    base::MutexLock lock(mutex_);
    while (idle_.empty()) returned_.Wait(mutex_);
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  absl::Status status = ReadOn(*connection, work);
  base::MutexLock lock(mutex_);
  idle_.push_back(std::move(connection));
  returned_.NotifyOne();
  return status;
}

}  // namespace signet::store::sqlite
