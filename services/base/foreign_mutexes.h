// The mutexes inside gRPC.
#ifndef SIGNET_SERVICES_BASE_FOREIGN_MUTEXES_H_
#define SIGNET_SERVICES_BASE_FOREIGN_MUTEXES_H_

namespace signet::base {

// Switches off the search for lock cycles that Debian's Abseil runs at each lock of gRPC's mutexes, a debugging aid
// that is meant for builds without NDEBUG. Call once, before gRPC is used.
void StopSearchingForLockCycles();

}  // namespace signet::base

#endif  // SIGNET_SERVICES_BASE_FOREIGN_MUTEXES_H_
