// The one thread that writes.
#ifndef SIGNET_SERVICES_STORE_SQLITE_WRITER_H_
#define SIGNET_SERVICES_STORE_SQLITE_WRITER_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/base/mutex.h"
#include "services/store/sqlite/connection.h"
#include "services/store/sqlite/tables.h"
#include "services/telemetry/logger.h"

namespace signet::store::sqlite {

// Group commit: takes everything that waits, runs each work in a savepoint of its own, commits once. While one group is
// being made durable the next one gathers, so there is no delay to tune. Thread-safe.
class Writer {
 public:
  // `logger` must outlive this.
  Writer(std::unique_ptr<Connection> connection, int max_waiting, int max_group, telemetry::Logger& logger);
  // Runs what was accepted first.
  ~Writer();

  // As Store::Write, Store::WriteLater and Store::Scrub.
  absl::Status Write(absl::FunctionRef<absl::Status(Tables&)> work);
  void WriteLater(std::function<absl::Status(Tables&)> work);
  absl::Status Scrub();

 private:
  using Work = std::function<absl::Status(Tables&)>;
  // A work in the queue. Lives on the stack of the thread that waits for it, or with the queue when nobody does.
  struct Item {
    Work work;  // empty: empties the write-ahead log, outside a transaction
    bool awaited = true;
    absl::Status status;
    bool done = false;
    base::CondVar changed;
  };

  // Queues the item and waits until it is done.
  absl::Status Await(Item& item);
  void Loop();
  // Of the items that wait, how many the next group takes.
  std::ptrdiff_t NextGroup() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EmptyLog();
  // Sets every item's status. Uses the connection, which belongs to the loop's thread.
  void RunGroup(const std::vector<Item*>& group);
  // One transaction. An error means that none of it was stored.
  absl::Status RunTransaction(const std::vector<Item*>& group);
  void RunInSavepoint(Item& item);

  const std::unique_ptr<Connection> connection_;
  SqliteTables tables_;
  const int max_waiting_;
  const int max_group_;
  telemetry::Logger& logger_;

  base::Mutex mutex_;
  base::CondVar arrived_;
  std::deque<Item*> queue_ ABSL_GUARDED_BY(mutex_);
  int awaited_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_WRITER_H_
