// A compute node: slurmd, which loads what it loads when it loads it, and signet-slurm's scripts beside it.
#ifndef SIGNET_TESTS_ROTATION_NODE_HOST_H_
#define SIGNET_TESTS_ROTATION_NODE_HOST_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/evidence/token.h"
#include "tests/rotation/disk_bundle.h"
#include "tests/rotation/peer.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::rotation {

// certificate_renewal_period.
inline constexpr absl::Duration kRenewalPeriod = absl::Hours(24);

class NodeHost {
 public:
  NodeHost(std::string name, testing::World& world)
      : world_(world), adapter_(name, world.clock), slurmd_(name, "slurmd") {}

  // A boot: a new process, which loads the CA file as it is on disk. Within a renewal period it goes on with the
  // certificate that it kept; later it must enrol.
  void Start();
  void Stop() { up_ = false; }
  // A boot that runs `signet-slurm pre-start` and so fetches the bundle before slurmd reads the file.
  void StartRefreshed() {
    disk_.Refresh(world_);
    Start();
  }

  // True when slurmd wants to talk to slurmctld about certificates now.
  bool Wants() const;
  // The process that makes that call: at an enrolment it shows no certificate.
  Peer Caller() const;
  // The call, once its handshake held. `controller_ca_pem` is what sign-csr judges the answer with. A refusal leaves
  // everything loaded as it is.
  absl::Status Ask(const std::string& controller_ca_pem);
  // An enrolment is to use this token; ones after that need none.
  void Give(evidence::Token token) { token_ = std::move(token); }
  // From now on nobody replaces ca_cert_file.
  void ManageElsewhere() { managed_elsewhere_ = true; }
  // Lets renewals begin at another time of the day than others'.
  void ShiftRenewals(absl::Duration by) { renewed_at_ += by; }

  bool up() const { return up_; }
  const Peer& slurmd() const { return slurmd_; }
  const DiskBundle& disk() const { return disk_; }
  testing::SimulatedNode& adapter() { return adapter_; }
  // The key of the certificate that is in use.
  const keys::PrivateKey& tls_key() const { return *kept_key_; }

 private:
  struct Renewed {
    int process;
    std::string disk_sha256;
  };
  evidence::Statement Say(const keys::PrivateKey& key);

  testing::World& world_;
  testing::SimulatedNode adapter_;
  Peer slurmd_;
  DiskBundle disk_;
  bool managed_elsewhere_ = false;
  bool up_ = false;
  bool must_enrol_ = true;
  int process_ = 0;
  std::optional<evidence::Token> token_;
  std::optional<Renewed> last_renewal_;  // what signet-slurm's state says of the last one
  // certmgr_state.
  std::string kept_chain_pem_;
  std::optional<keys::PrivateKey> kept_key_;
  absl::Time renewed_at_ = absl::InfinitePast();
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_NODE_HOST_H_
