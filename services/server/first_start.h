// The data folder and the key-encryption key.
#ifndef SIGNET_SERVICES_SERVER_FIRST_START_H_
#define SIGNET_SERVICES_SERVER_FIRST_START_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/authority/authorities.h"
#include "services/base/random.h"
#include "services/base/secret_bytes.h"
#include "services/files/lock.h"
#include "services/server/config.h"

namespace signet::server {

// Where the embedded store lives.
std::string DatabasePath(const Config& config);

// Makes the data folder (0700) when missing and locks it. Before any socket is bound: a second process would silently
// take the path over. FAILED_PRECONDITION / CONFIGURATION when another signetd holds the lock or others can write
// there.
absl::StatusOr<files::FileLock> LockDataDir(const Config& config);

struct KeyEncryptionKey {
  base::SecretBytes bytes;
  bool created = false;
};
// Reads the key-encryption key, or makes it when neither it nor a database exists. FAILED_PRECONDITION when a database
// exists without it: a new key could open nothing in it.
absl::StatusOr<KeyEncryptionKey> ReadOrCreateKek(const Config& config, base::Random& random);

// What a person must know after the first start: what was made, the bundle pin, what to back up. Empty when nothing was
// made.
std::string FirstStartNotice(const Config& config, bool kek_created, const authority::Created& created);

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_FIRST_START_H_
