// Slurm's daemons as processes of this host.
#ifndef SIGNET_ADAPTERS_SLURM_RUNNING_PROGRAM_H_
#define SIGNET_ADAPTERS_SLURM_RUNNING_PROGRAM_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace signet::slurm {

// One process.
struct RunningProgram {
  std::string name;       // its main thread's, at most 15 characters
  absl::Time started_at;  // by this host's clock as it stands now
};

// `proc` is where procfs is mounted. NOT_FOUND when there is no such process.
absl::StatusOr<RunningProgram> ObserveProgram(pid_t pid, const std::string& proc = "/proc");

// The processes with one of these names, but for those in a container of their own: they read files of their own, and
// their host's name is not this one's. FAILED_PRECONDITION when `proc` cannot be listed.
absl::StatusOr<std::vector<RunningProgram>> FindPrograms(const std::vector<std::string>& names,
                                                         const std::string& proc = "/proc");

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_RUNNING_PROGRAM_H_
