// The embedded store.
#ifndef SIGNET_SERVICES_STORE_SQLITE_SQLITE_STORE_H_
#define SIGNET_SERVICES_STORE_SQLITE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"

namespace signet::store::sqlite {

struct Options {
  std::string path;        // created 0600 when missing
  int max_waiting = 4096;  // Write() beyond this many waiting is shed
  int max_group = 512;     // works per commit
};

// Opens, migrates to the newest schema, recovers what a crash left. FAILED_PRECONDITION when the schema is newer than
// this program knows, the file is another program's, a symbolic link, or on a file system without shared memory.
// UNAVAILABLE / STORE_UNAVAILABLE, naming the file, when it cannot be used: truncated, damaged (up to 256 MiB every
// page is looked at), locked, no permission. `logger` must outlive the store.
absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options, telemetry::Logger& logger);

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_SQLITE_STORE_H_
