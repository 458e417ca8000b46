// Does the server issue what Slurm's daemons would accept?
#ifndef SIGNET_ADAPTERS_SLURM_SELFTEST_H_
#define SIGNET_ADAPTERS_SLURM_SELFTEST_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/process.h"

namespace signet::slurm {

// Fetches the trust bundle over TLS and verifies it with the configured pin, makes a key, has a probe certificate for
// it issued by the active authority (as a pod whose service account is a tester), and judges that: key, chain up to the
// bundle, names, key usages, life. `say` gets a line for each check that passed; the first fault is the answer. Leaves
// a record of a certificate that ends in minutes, and nothing that a rotation waits for.
absl::Status SelfTest(const Config& config, const Deadline& deadline, absl::Time now,
                      absl::FunctionRef<absl::Status(absl::string_view line)> say);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_SELFTEST_H_
