// Durable transactions.
#ifndef SIGNET_SERVICES_STORE_STORE_H_
#define SIGNET_SERVICES_STORE_STORE_H_

#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/store/tables.h"

namespace signet::store {

// Thread-safe. Work runs alone (writes are serialised), sees every committed write, and is all or nothing. Work must
// touch nothing but the tables and its own captured results: a backend may run it again after a conflict.
class Store {
 public:
  virtual ~Store() = default;

  // Runs `work` in one transaction and returns after it is durable on disk. An error from `work` undoes it and is
  // returned as is. Several callers' works share one commit (group commit), each undone alone. RESOURCE_EXHAUSTED /
  // OVERLOADED when too many wait; UNAVAILABLE / STORE_UNAVAILABLE when the commit failed: nothing was stored.
  virtual absl::Status Write(absl::FunctionRef<absl::Status(Tables&)> work) = 0;

  // Runs `work` with a coming commit, without waiting: for what can be made again from what is stored. A failure is
  // logged. Done before the destructor returns.
  virtual void WriteLater(std::function<absl::Status(Tables&)> work) = 0;

  // What was deleted or overwritten and committed before leaves no copy in the store's files, such as a log of changes.
  // Best effort: copies made elsewhere (backups, the disk's own) are out of reach. UNAVAILABLE / STORE_UNAVAILABLE when
  // it could not, as long as somebody reads an older snapshot: nothing is lost, and it may be tried again.
  virtual absl::Status Scrub() = 0;

  // Runs `work` on a consistent snapshot of everything committed so far.
  virtual absl::Status Read(absl::FunctionRef<absl::Status(const Tables&)> work) const = 0;
};

}  // namespace signet::store

#endif  // SIGNET_SERVICES_STORE_STORE_H_
