#include "services/server/measured_store.h"

#include <chrono>

#include "absl/time/time.h"

namespace signet::server {

absl::Status MeasuredStore::Write(absl::FunctionRef<absl::Status(store::Tables&)> work) {
  const auto began = std::chrono::steady_clock::now();
  // The backend's thread runs the work, more than once after a conflict; the commit orders it before what is below.
  bool undone = false;
  absl::Status status = real_->Write([&](store::Tables& tables) {
    absl::Status done = work(tables);
    undone = !done.ok();
    return done;
  });
  // A table's own error comes through the work as well: only what cannot be the disk is a rule's.
  if (!undone || absl::IsUnavailable(status)) {
    metrics_.CountWrite(status, absl::FromChrono(std::chrono::steady_clock::now() - began));
  }
  return status;
}

}  // namespace signet::server
