// Brings ca_cert_file up to date from a signed bundle.
#ifndef SIGNET_ADAPTERS_SLURM_REFRESH_H_
#define SIGNET_ADAPTERS_SLURM_REFRESH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/process.h"

namespace signet::slurm {

// Tries each of bundle_sources and writes the first one that verifies; NOT_FOUND when there is none. Reads files, no
// network, and waits at most 0.3 s in all for another writer of ca_cert_file. `token_pin` counts where the
// configuration has no pin.
absl::Status RefreshFromFiles(const Config& config, const std::string& cluster, const std::string& token_pin,
                              absl::Time now);

// `signet-slurm refresh`: asks the servers, then the files, for which it keeps 1.5 s back. One line that says what
// happened. Where ca_cert_file is managed elsewhere, it is only checked: FAILED_PRECONDITION when it is absent or
// faulty.
absl::StatusOr<std::string> Refresh(const Config& config, const Host& host, const Deadline& deadline, absl::Time now);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_REFRESH_H_
