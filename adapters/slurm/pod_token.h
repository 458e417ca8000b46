// This pod's projected ServiceAccount token: a secret for minutes, renewed by the kubelet in its place.
#ifndef SIGNET_ADAPTERS_SLURM_POD_TOKEN_H_
#define SIGNET_ADAPTERS_SLURM_POD_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/base/secret_bytes.h"

namespace signet::slurm {

// Without its line end. NOT_FOUND: this is not Kubernetes. FAILED_PRECONDITION / CONFIGURATION names the field of the
// pod's volume to set: a file that others than its owner and group can read (a job's user could pass as the node), or
// of an owner that is neither root nor this user; one with anything but visible ASCII, or over 16 KiB.
absl::StatusOr<base::SecretBytes> ReadPodToken(const std::string& path);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_POD_TOKEN_H_
