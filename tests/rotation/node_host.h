// A host of slurmd or sackd, which load what they load when they load it, and signet-slurm's scripts beside them.
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
  // `program`: slurmd or sackd.
  NodeHost(std::string name, testing::World& world, std::string program = "slurmd")
      : world_(world), adapter_(name, world.clock, program), daemon_(std::move(name), std::move(program)) {}

  // A boot: a new process, which loads the CA file as it is on disk. Within a renewal period slurmd goes on with the
  // certificate that it kept; later it must enrol. sackd keeps none, and enrols at every start.
  void Start();
  void Stop() { up_ = false; }
  // A boot that runs `signet-slurm pre-start` and so fetches the bundle before the daemon reads the file.
  void StartRefreshed() {
    disk_.Refresh(world_);
    Start();
  }

  // True when the daemon wants to talk to slurmctld about certificates now.
  bool Wants() const;
  // The process that makes that call: at an enrolment it shows no certificate.
  Peer Caller() const;
  // The call, once its handshake held. `controller_ca_pem` is what sign-csr judges the answer with. A refusal leaves
  // everything loaded as it is.
  absl::Status Ask(const std::string& controller_ca_pem);
  // An enrolment is to use this token; ones after that need none.
  void Give(evidence::Token token) { token_ = std::move(token); }
  // ca_cert_file is that of an image, whatever signetd serves. For a host that was never started.
  void Install(const DiskBundle& image) { disk_ = image; }
  // `signet-slurm refresh`: the file alone.
  void Refresh() {
    if (!managed_elsewhere_) disk_.Refresh(world_);
  }
  // From now on nobody replaces ca_cert_file.
  void ManageElsewhere() { managed_elsewhere_ = true; }
  // Lets renewals begin at another time of the day than others'.
  void ShiftRenewals(absl::Duration by) { renewed_at_ += by; }

  bool up() const { return up_; }
  const Peer& daemon() const { return daemon_; }
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
  Peer daemon_;
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
