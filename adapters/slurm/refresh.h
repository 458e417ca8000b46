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
#include "services/bundle/writer.h"

namespace signet::slurm {

// Where this host's bundle lies, and the pin and cluster that it must verify with: the configuration's, else those of a
// token file for `node`, for a node that enrolled here, or for the host's name. FAILED_PRECONDITION / CONFIGURATION
// when neither has them.
absl::StatusOr<bundle::Target> BundleTarget(const Config& config, const Host& host, absl::string_view node = "");

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
