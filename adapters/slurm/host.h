// What the adapter can see of the host and of the daemon that runs it.
#ifndef SIGNET_ADAPTERS_SLURM_HOST_H_
#define SIGNET_ADAPTERS_SLURM_HOST_H_

#include <sys/types.h>

#include <string>

namespace signet::slurm {

// A field that cannot be seen (an empty root has no /proc) is empty.
struct Host {
  uid_t uid = 0;
  std::string name;               // gethostname() up to its first dot
  std::string daemon;             // "slurmd" or "sackd"
  std::string parent;             // "<pid> <start time>" of the parent process: tells a daemon from its successor
  std::string boot_id;            // 36 characters
  std::string machine_id_sha256;  // raw SHA-256 of "signet/machine/v1" NUL machine-id
};

// gethostname() up to its first dot; empty when it fails.
std::string ShortHostName();

// The daemon is the parent process's name; else root's is slurmd and everybody else's sackd.
Host ObserveHost();

// Field 22 of a /proc/<pid>/stat line. The second field is a process's name, which may hold spaces and parentheses.
std::string StartTimeFromStat(const std::string& stat);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_HOST_H_
