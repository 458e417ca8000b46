// A private key and its certificate in two files that replace older ones together.
#ifndef SIGNET_CLI_KEY_PAIR_H_
#define SIGNET_CLI_KEY_PAIR_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/files/lock.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::cli {

struct PairPaths {
  std::string key;
  std::string cert;
};

// Owner, group and modes of a pair; -1: as created.
struct PairRights {
  mode_t key_mode = 0600;
  uid_t user = static_cast<uid_t>(-1);
  gid_t group = static_cast<gid_t>(-1);
};

// As the key file has them: whoever could read the old key can read the new one, and nobody else. FAILED_PRECONDITION
// when others can, or when it is no regular file.
absl::StatusOr<PairRights> RightsOf(const PairPaths& paths);

// The certificates, leaf first. FAILED_PRECONDITION unless the key is the leaf's.
absl::StatusOr<std::vector<x509::Certificate>> ReadPair(const PairPaths& paths);

// One run at a time writes a pair, under a lock beside the key, "<key>.signetctl-lock": two would take each other's
// temporary files. For as long as the answer lives; DEADLINE_EXCEEDED when another run holds it for longer than a swap
// takes.
absl::StatusOr<files::FileLock> LockPair(const PairPaths& paths);

// Replaces both by two renames, one right after the other (see StagedFiles), under LockPair().
absl::Status WritePair(const PairPaths& paths, const PairRights& rights, const keys::PrivateKey& key,
                       const std::vector<x509::Certificate>& chain);

// A run that was killed between the two renames left a new key beside an old certificate, which crashes what reads
// them: finishes that run, or takes it back. True when it did something; OK and false for a pair that fits and for one
// of which a file is missing. FAILED_PRECONDITION when nothing on the disk fits. Waits for a run that is not dead but
// between the two, as WritePair does.
absl::StatusOr<bool> HealPair(const PairPaths& paths);

// True when two thirds of the certificate's life are over.
bool IsDue(const x509::Certificate& certificate, absl::Time now);

}  // namespace signet::cli

#endif  // SIGNET_CLI_KEY_PAIR_H_
