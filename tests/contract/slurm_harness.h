// Runs a script exactly as Slurm's daemons run certmgr and certgen scripts (seen in Slurm 25.05–26.05):
// absolute path and argv, stdin /dev/null, stdout and stderr one pipe, every other descriptor closed, a process group
// of its own, umask 0022, a time limit after which the group gets SIGTERM and 10 ms later SIGKILL; output verbatim, cut
// at a NUL.
#ifndef SIGNET_TESTS_CONTRACT_SLURM_HARNESS_H_
#define SIGNET_TESTS_CONTRACT_SLURM_HARNESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace signet::contract {

// One call of one script.
struct ScriptCall {
  std::string path;
  std::vector<std::string> args;
  // Who the daemon runs as. Another uid than the test's own needs root.
  uid_t uid = 0;
  gid_t gid = 0;
  std::string cwd = "/";
  // When set, the script runs with this as its root directory; `path` and `cwd` are seen from inside.
  std::string root;
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  std::chrono::milliseconds limit = std::chrono::seconds(5);
  // Called with the process group's id right after the start, for tests that kill it.
  std::function<void(pid_t)> started;
};

// What Slurm knows afterwards.
struct ScriptResult {
  // As waitpid() gives it; meaningless when `could_not_start`.
  int wait_status = 0;
  bool could_not_start = false;
  bool timed_out = false;
  // stdout and stderr as they came, up to the first NUL.
  std::string output;

  bool exited_zero() const;
  // generate_csr, sign_csr, get_node_token, get_node_cert_key: exit 0 in time, with output.
  bool gave_output() const { return exited_zero() && !timed_out && !output.empty(); }
  // validate_node: only the exit status counts, so one that exits 0 when SIGTERM ends its time is *valid*.
  bool said_valid() const { return exited_zero(); }
  // For failure messages.
  std::string Describe() const;
};

ScriptResult RunScript(const ScriptCall& call);

}  // namespace signet::contract

#endif  // SIGNET_TESTS_CONTRACT_SLURM_HARNESS_H_
