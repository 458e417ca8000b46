// `signet-slurm pre-start`: what slurmd cannot do for itself before it starts.
//
// slurmd loads the certificate in certmgr_state without looking at its dates, renews only with it, and never falls back
// to a new enrolment: a node that was off for too long stays out until that file goes away.
#ifndef SIGNET_ADAPTERS_SLURM_PRE_START_H_
#define SIGNET_ADAPTERS_SLURM_PRE_START_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"

namespace signet::slurm {

// Several slurmds on one host have a name and a spool directory each.
struct PreStartOptions {
  std::string node;       // empty: the only node that enrolled here, else the host's name
  std::string spool_dir;  // empty: slurmd_spool_dir
};

// [--node NAME] [--spool-dir DIR]; INVALID_ARGUMENT for anything else.
absl::StatusOr<PreStartOptions> ParsePreStart(const std::vector<std::string>& arguments);

// slurmd_spool_dir as slurmd reads it: "%n" is the node's name, "%h" the host's short name.
std::string ExpandSpoolDir(const std::string& pattern, const std::string& node, const std::string& host_name);

// What PreStart would do with certmgr_state.
struct Prospect {
  enum class Act { kNothing, kKeep, kLeaveAlone, kMoveAside };
  Act act = Act::kNothing;
  std::string path;      // of certmgr_state
  std::string why;       // in words
  std::string next;      // what to type about a file or directory that cannot be judged; else empty
  bool expired = false;  // by this host's clock its certificate is over, whatever speaks against that clock
  bool readable = true;  // false: it, or its directory, is there, and pre-start does not touch it
  bool no_directory = false;
};

// Judges as PreStart does, and renames nothing.
Prospect Foresee(const Config& config, const Host& host, const PreStartOptions& options, absl::Time now);

// Renames certmgr_state, and certmgr_state.old with it, to ….signet-aside when
//   - its certificate has expired,
//   - its certificate does not chain to the trust bundle in ca_cert_file, or
//   - its key is another certificate's, on which slurmd crashes.
// The first two need a bundle that verifies with the pin and is what lies in ca_cert_file, and a clock that neither the
// bundle nor the file contradicts. In any doubt nothing is touched. One line for each file, with its reason; never an
// error, since nothing here may keep slurmd from starting.
std::string PreStart(const Config& config, const Host& host, const PreStartOptions& options, absl::Time now);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_PRE_START_H_
