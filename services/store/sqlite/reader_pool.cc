#include "services/store/sqlite/reader_pool.h"

#include <chrono>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/tables.h"

namespace signet::store::sqlite {
namespace {

// Health is judged by a read: who waits longer than this is told so.
constexpr std::chrono::seconds kLongestWait(1);

absl::Status ReadOn(Connection& connection, absl::FunctionRef<absl::Status(const Tables&)> work) {
  SIGNET_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  // The work only read: what it found stands, however the transaction ends.
  const auto end = absl::MakeCleanup([&] {
    const absl::Status ended = connection.Execute("COMMIT");
    if (!ended.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  });
  const SqliteTables tables(connection);
  return work(tables);
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
    const auto until = std::chrono::steady_clock::now() + kLongestWait;
    while (idle_.empty()) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) {
        return base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded, "store: all readers are busy");
      }
      returned_.WaitFor(mutex_, left);
    }
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  // Also when the work throws: a reader that is not given back is lost to all.
  const auto give_back = absl::MakeCleanup([&] {
    base::MutexLock lock(mutex_);
    idle_.push_back(std::move(connection));
    returned_.NotifyOne();
  });
  return ReadOn(*connection, work);
}

}  // namespace signet::store::sqlite
