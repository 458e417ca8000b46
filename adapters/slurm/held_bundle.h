// The trust bundle that lies on this host.
#ifndef SIGNET_ADAPTERS_SLURM_HELD_BUNDLE_H_
#define SIGNET_ADAPTERS_SLURM_HELD_BUNDLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"
#include "services/bundle/signed_bundle.h"

namespace signet::slurm {

// The signed bundle beside ca_cert_file, verified now with the pin for `node` (see BundleTarget). An error when there
// is no pin, when it does not verify, or when ca_cert_file holds anything else or would crash s2n.
absl::StatusOr<bundle::Bundle> HeldBundle(const Config& config, const Host& host, absl::string_view node,
                                          absl::Time now);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_HELD_BUNDLE_H_
