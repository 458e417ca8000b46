// slurmd and slurmctld, as far as certmgr/script goes: which script runs when, what is kept, what is fatal.
#ifndef SIGNET_TESTS_CONTRACT_SLURM_DAEMONS_H_
#define SIGNET_TESTS_CONTRACT_SLURM_DAEMONS_H_

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/contract/slurm_harness.h"

namespace signet::contract {

// Where the scripts are and how the daemons run them: uid, working directory, environment. `path` and `args` are filled
// in for each call.
struct Scripts {
  std::string directory;  // with the seven names of signet-slurm, as seen by the daemon
  ScriptCall call;

  ScriptResult Run(const std::string& name, std::vector<std::string> args) const;
};

// Answers certificate requests as slurmctld does: validate_node only when the request did not come over mTLS, then
// sign_csr.
class Slurmctld {
 public:
  explicit Slurmctld(Scripts scripts) : scripts_(std::move(scripts)) {}

  // The certificate PEM that goes back to the node, or the failing script's output.
  absl::StatusOr<std::string> SignFirst(const std::string& node, const std::string& token,
                                        const std::string& csr) const;
  absl::StatusOr<std::string> SignRenewal(const std::string& csr) const;

 private:
  Scripts scripts_;
};

// What a node boots into. Slurm resends after 20 s and the shipped drop-in restarts after 5 s; tests scale both down.
struct Outage {
  std::function<bool()> slurmctld_answers = [] { return true; };
  std::chrono::milliseconds resend{200};
  std::chrono::milliseconds restart{50};
  int starts = 100;  // without a start limit slurmd starts for ever; a test has to end
};

// One slurmd. A failing first enrolment is fatal to the process, so that systemd has to start it again; a failing
// renewal keeps the old certificate.
class SlurmNode {
 public:
  SlurmNode(std::string name, Scripts scripts) : name_(std::move(name)), scripts_(std::move(scripts)) {}

  // get_node_token, generate_csr → controller → get_node_cert_key.
  absl::Status Enrol(const Slurmctld& controller);
  // Enrols as a unit with Restart=on-failure does: up to `starts` times.
  absl::Status EnrolWithRestarts(const Slurmctld& controller, int starts);
  // Boots through an outage: while slurmctld does not answer, the same token and CSR are sent again; what a script
  // refuses ends slurmd, and systemd starts it again.
  absl::Status BootThrough(const Slurmctld& controller, const Outage& outage);
  // generate_csr → controller, over mTLS → get_node_cert_key.
  absl::Status Renew(const Slurmctld& controller);
  // What slurmd sends again and again while slurmctld is away: made once by MakeRequest, never afresh.
  absl::Status MakeRequest();
  absl::Status SendRequest(const Slurmctld& controller);

  const std::string& name() const { return name_; }
  const std::string& token() const { return token_; }
  const std::string& csr() const { return csr_; }
  const std::string& certificate_pem() const { return certificate_pem_; }
  const std::string& key_pem() const { return key_pem_; }

 private:
  absl::Status Keep(absl::StatusOr<std::string> certificate_pem);

  std::string name_;
  Scripts scripts_;
  std::string token_;
  std::string csr_;
  std::string certificate_pem_;
  std::string key_pem_;
};

}  // namespace signet::contract

#endif  // SIGNET_TESTS_CONTRACT_SLURM_DAEMONS_H_
