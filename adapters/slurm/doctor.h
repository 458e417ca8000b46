// `signet-slurm doctor`: what would stop this host's next start, enrolment or renewal.
#ifndef SIGNET_ADAPTERS_SLURM_DOCTOR_H_
#define SIGNET_ADAPTERS_SLURM_DOCTOR_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/process.h"

namespace signet::slurm {

// kNote: so it is, and on some hosts that is right (a compute node reaches no server, a controller has no token).
enum class Level { kOk, kNote, kFault };

// One thing that was looked at.
struct Finding {
  Level level = Level::kOk;
  std::string what;  // one line
  std::string next;  // the command to type; empty for kOk
};

// ca_cert_file, the signed bundle and the clock it tells, what pre-start would do at slurmd's next start, identity keys
// and tokens of this user's nodes, the pod's token, who tells signetd what this host has loaded, whether the
// services that run here serve what is in their files, each server. Changes nothing.
std::vector<Finding> Examine(const Config& config, const Host& host, const Deadline& deadline, absl::Time now);

// "ok: …", "note: …; <next>", "fault: …; <next>", one line each.
std::string RenderFindings(const std::vector<Finding>& findings);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_DOCTOR_H_
