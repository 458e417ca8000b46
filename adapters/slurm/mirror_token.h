// A projected ServiceAccount token, copied for another user of the same pod.
#ifndef SIGNET_ADAPTERS_SLURM_MIRROR_TOKEN_H_
#define SIGNET_ADAPTERS_SLURM_MIRROR_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"

namespace signet::slurm {

// Makes `to` a file of this user's, 0400, with what `from` holds now, whole or not at all; what it says of itself is a
// line, empty when nothing had to change. sackd in a login pod runs as a user that the kubelet's own file is not for:
// a sidecar of that user, the only container that mounts the projected volume, writes this copy. `from` may be a link
// and readable by others; it must hold a compact JWS of at most 16 KiB. `to` is never followed and never taken from
// somebody else: FAILED_PRECONDITION / CONFIGURATION when it is a link, no regular file, or another user's.
absl::StatusOr<std::string> MirrorToken(const std::string& from, const std::string& to);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_MIRROR_TOKEN_H_
