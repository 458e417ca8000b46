// A cluster in a temporary directory: a real signetd, a real signetctl, and the adapter's scripts as a node and a
// controller see them.
#ifndef SIGNET_TESTS_CONTRACT_TEST_CLUSTER_H_
#define SIGNET_TESTS_CONTRACT_TEST_CLUSTER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/contract/slurm_daemons.h"
#include "tests/contract/slurm_harness.h"

namespace signet::contract {

// Made with the server running; the destructor stops it and removes every file.
class TestCluster {
 public:
  // `more_yaml` ends signetd.yaml: keys that it does not have yet.
  explicit TestCluster(const std::string& more_yaml = "");
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  // Starts signetd and waits until both sockets accept. Aborts the test program when it does not come up: no test can
  // go on.
  void StartServer();
  // SIGKILL, as a crash of the machine's power would; nothing is flushed.
  void KillServer();
  // SIGSTOP and SIGCONT: connections are accepted and nothing is ever answered.
  void PauseServer() const;
  void ResumeServer() const;
  // SIGTERM and wait for a clean end. The exit status as waitpid() gives it.
  int StopServer();

  // Runs signetctl against the admin socket, with stdin closed and stdout and stderr together. `path_variable`: where
  // it finds Slurm's commands.
  ScriptResult Ctl(std::vector<std::string> args, std::chrono::milliseconds limit = std::chrono::seconds(60),
                   const std::string& path_variable = "/usr/sbin:/usr/bin:/sbin:/bin") const;
  // `hostlist` may be n[001-200]; the files are where the scripts look. Extra arguments such as --reusable.
  void CreateTokens(const std::string& hostlist, std::vector<std::string> extra = {}) const;
  // Writes the trust bundle to ca_file().
  void WriteBundle() const;

  // The scripts as slurmd (with its own state) and slurmctld run them.
  Scripts NodeScripts() const { return ScriptsWith("node.yaml"); }
  Scripts ControllerScripts() const { return ScriptsWith("controller.yaml"); }
  // The scripts with the configuration in path(config).
  Scripts ScriptsWith(const std::string& config) const;
  SlurmNode Node(const std::string& name) const { return SlurmNode(name, NodeScripts()); }
  Slurmctld Controller() const { return Slurmctld(ControllerScripts()); }
  // What a boot of a stateless node finds: nothing.
  void EmptyNodeState() const;

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string ca_file() const { return path("ca_cert.pem"); }
  std::string data_dir() const { return path("data"); }
  std::string kek_file() const { return path("kek"); }
  std::string state_dir() const { return path("state"); }
  std::string controller_socket() const { return path("run/controller.sock"); }
  std::string token_file(const std::string& node) const { return path("tokens/" + node + ".token"); }
  std::string server_log() const;

 private:
  std::string directory_;
  pid_t server_ = -1;
};

// The whole content of a file; empty when it cannot be read.
std::string ReadAll(const std::string& path);
void WriteAll(const std::string& path, const std::string& text);
// n001, n002, …
std::vector<std::string> NodeNames(int count);
// Calls `work(i)` for i in [0, count) with at most `parallel` at once, as slurmctld's own bounded pool of script
// runners.
void InParallel(int count, int parallel, const std::function<void(int)>& work);

}  // namespace signet::contract

#endif  // SIGNET_TESTS_CONTRACT_TEST_CLUSTER_H_
