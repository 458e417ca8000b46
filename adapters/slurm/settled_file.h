// From when on a program that starts reads what a file holds now.
#ifndef SIGNET_ADAPTERS_SLURM_SETTLED_FILE_H_
#define SIGNET_ADAPTERS_SLURM_SETTLED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace signet::slurm {

// What lies between a change and the programs that certainly saw it. File systems and process tables tell the time to
// ten milliseconds; `signetctl service renew` waits a little longer than this between its files and a reload.
inline constexpr absl::Duration kSettles = absl::Seconds(1);
// The same where another host's clock stamped the change.
inline constexpr absl::Duration kSettlesOverNetwork = absl::Minutes(5);

// The last change (st_ctim) of the file at `path`, or of a symbolic link on the way to it if that is newer (a link that
// is turned brings another file, however old), plus kSettles or kSettlesOverNetwork. `path` is absolute. NOT_FOUND;
// FAILED_PRECONDITION for what is no regular file or too many links.
absl::StatusOr<absl::Time> SettledAt(const std::string& path);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_SETTLED_FILE_H_
