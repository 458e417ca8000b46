// Does what one invocation asks.
#ifndef SIGNET_ADAPTERS_SLURM_RUN_H_
#define SIGNET_ADAPTERS_SLURM_RUN_H_

#include "absl/status/statusor.h"
#include "adapters/slurm/process.h"
#include "adapters/slurm/verb.h"
#include "services/base/secret_bytes.h"

namespace signet::slurm {

// What belongs on stdout, all of it checked; it may be a private key.
absl::StatusOr<base::SecretBytes> Run(const Invocation& invocation, const Deadline& deadline);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_RUN_H_
