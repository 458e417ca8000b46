// `signet-slurm install --dest DIR`: for containers, where no package manager runs.
#ifndef SIGNET_ADAPTERS_SLURM_INSTALL_H_
#define SIGNET_ADAPTERS_SLURM_INSTALL_H_

#include <string>

#include "absl/status/status.h"

namespace signet::slurm {

// Copies the running program to DIR/signet-slurm (0755) and makes Slurm's seven script names relative symbolic links to
// it, each replaced in one step. DIR and its parents are made (0755).
absl::Status Install(const std::string& dest);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_INSTALL_H_
