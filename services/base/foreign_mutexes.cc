#include "services/base/foreign_mutexes.h"

#include "absl/synchronization/mutex.h"

namespace signet::base {

void StopSearchingForLockCycles() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace signet::base
