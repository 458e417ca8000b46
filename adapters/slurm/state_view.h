// `signet-slurm state show`: what this host holds, for people.
#ifndef SIGNET_ADAPTERS_SLURM_STATE_VIEW_H_
#define SIGNET_ADAPTERS_SLURM_STATE_VIEW_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"

namespace signet::slurm {

// "show" [--node NAME]; gives the name, empty for all. INVALID_ARGUMENT for anything else.
absl::StatusOr<std::string> ParseStateShow(const std::vector<std::string>& arguments);

// Blocks of "field: value" lines, one for each node and user id: the identity key's id (what `node approve` takes), the
// token file, the last request, whether its answer is awaited; then the bundle on disk. No secret. Takes no lock and
// changes nothing. Root sees every user's state, others their own. NOT_FOUND when there is none.
absl::StatusOr<std::string> ShowState(const Config& config, const Host& host, const std::string& only_node,
                                      absl::Time now);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_STATE_VIEW_H_
