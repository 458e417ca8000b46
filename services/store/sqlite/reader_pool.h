// Connections that only read.
#ifndef SIGNET_SERVICES_STORE_SQLITE_READER_POOL_H_
#define SIGNET_SERVICES_STORE_SQLITE_READER_POOL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/mutex.h"
#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

// A reader never waits for the writer (WAL), only for another reader when all connections are in use: a second at most,
// then RESOURCE_EXHAUSTED / OVERLOADED. Thread-safe.
class ReaderPool {
 public:
  static absl::StatusOr<std::unique_ptr<ReaderPool>> Open(const std::string& path, int size);
  // As Store::Read.
  absl::Status Read(absl::FunctionRef<absl::Status(const Tables&)> work);

 private:
  explicit ReaderPool(std::vector<std::unique_ptr<Connection>> idle) : idle_(std::move(idle)) {}

  base::Mutex mutex_;
  base::CondVar returned_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_READER_POOL_H_
