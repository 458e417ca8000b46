// The one writer of ca_cert_file.
#ifndef SIGNET_SERVICES_BUNDLE_WRITER_H_
#define SIGNET_SERVICES_BUNDLE_WRITER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/bundle/signed_bundle.h"

namespace signet::bundle {

// Where the bundle lives on this host.
struct Target {
  std::string ca_cert_file;  // /etc/slurm/ca_cert.pem; the signed object is kept beside it as "signet-bundle"
  std::string memory_dir;    // state_dir/bundle: remembers the highest generation seen; empty: no memory
  std::string cluster;
  std::string pin;  // raw SHA-256
  // How long Write waits for another writer. One second lies well inside the five that Slurm gives a script.
  absl::Duration lock_timeout = absl::Seconds(1);
  // Nothing vouches for `pin` but where it was found: the first one that verified a bundle here is the only one, for as
  // long as memory_dir remembers it.
  bool first_pin_only = false;
};

enum class WriteResult { kWritten, kUnchanged, kManagedElsewhere };

// Verifies `signed_bundle`, then under a lock replaces ca_cert_file (0644) by rename, never leaving it absent.
// kUnchanged when this bundle is in place, in a file that all may read and only root or this user may write. Refuses
// a generation lower than the one on disk or remembered (FAILED_PRECONDITION / SEQUENCE_REGRESSED), and with
// first_pin_only a pin other than the remembered one (FAILED_PRECONDITION / CONFIGURATION). Where ca_cert_file is a
// symbolic link, or lies on a read-only or network file system, it writes nothing and returns kManagedElsewhere;
// PERMISSION_DENIED where only this user's rights are missing; DEADLINE_EXCEEDED when another writer holds the lock for
// lock_timeout.
absl::StatusOr<WriteResult> Write(const Target& target, absl::string_view signed_bundle, absl::Time now);

// Generation and hash of what is on disk; generation 0 when ca_cert_file is not the one in the signed object beside it.
struct OnDisk {
  uint64_t generation = 0;
  std::string sha256;  // raw, of ca_cert_file; empty when there is none
};
OnDisk Observe(const std::string& ca_cert_file);

}  // namespace signet::bundle

#endif  // SIGNET_SERVICES_BUNDLE_WRITER_H_
