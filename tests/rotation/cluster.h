// A Slurm cluster of a hundred daemons and commands, and signetd's engines, in one process, under one clock.
#ifndef SIGNET_TESTS_ROTATION_CLUSTER_H_
#define SIGNET_TESTS_ROTATION_CLUSTER_H_

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "services/authority/rotation.h"
#include "services/authority/sightings.h"
#include "tests/rotation/login_host.h"
#include "tests/rotation/node_host.h"
#include "tests/rotation/peer.h"
#include "tests/rotation/service_host.h"
#include "tests/testing/world.h"

namespace signet::rotation {

inline constexpr absl::Duration kTick = absl::Hours(12);
// The longest job step lives as long as steps live here.
inline constexpr absl::Duration kHold = absl::Hours(24 * 4);
inline constexpr absl::Duration kLongestStep = absl::Hours(24 * 3);
// Beside the compute nodes: sub01, … with sackd, and login01, … without a daemon.
inline constexpr int kSackds = 4;
inline constexpr int kLogins = 3;

// A handshake that failed.
struct Failure {
  std::string client;
  std::string server;
  std::string refused_by;  // one of both; empty when neither's verification was the reason
  std::string error;
};

class Cluster {
 public:
  // Enrolled and running, with job steps.
  explicit Cluster(int nodes);

  // Half a day: half of the nodes renew, steps and commands end and begin, hosts report, and everybody talks.
  void Tick();
  void Run(absl::Duration duration);
  // A compute node more, which holds `image` and was never started.
  NodeHost& Add(const std::string& name, const DiskBundle& image);
  // As when every job is cancelled.
  void EndSteps() { steps_.clear(); }
  // Each process speaks to every service and to five others, and is spoken to by five.
  void TalkAll();
  // Each process speaks to every daemon. The pairs that must fail, by what each of both loaded, do, and no other:
  // the words of those that did otherwise; `failed`: how many failed.
  std::vector<std::string> TalkInEveryPair(int* failed);
  // Has a service read its files. slurmctld is told by `scontrol reconfigure`, a command that must trust it as it is;
  // false when that does not. The others are restarted.
  bool Reload(ServiceHost& service);

  // Hosts that Signet knows nothing of, which speak with everybody all the while.
  std::vector<Peer>& strangers() { return strangers_; }
  NodeHost& node(const std::string& name);
  std::vector<std::unique_ptr<NodeHost>>& nodes() { return nodes_; }
  std::vector<ServiceHost>& services() { return services_; }
  ServiceHost& service(const std::string& name);
  std::vector<LoginHost>& logins() { return logins_; }
  LoginHost& login(const std::string& host);
  // Every process that speaks TLS now, but for commands that begin and end at once.
  std::vector<const Peer*> Daemons() const;

  // What `signetctl rotation probe` finds out of every node.
  void Probe();
  // What an administrator does about a closed gate: about services, older certificates, and the strangers of an
  // imported root once there are none. The rest is waiting.
  void Follow(const std::vector<authority::Blocker>& blockers);
  // A step without force; the blockers that keep its gate closed, none when it was taken. Any other error ends the test
  // program.
  std::vector<authority::Blocker> Try(authority::Verb verb, const std::string& authority_id);
  // Tries, follows and ticks until the step is taken; how long that took. Ends the test program after `most`.
  absl::Duration WaitFor(authority::Verb verb, const std::string& authority_id, absl::Duration most);
  std::string Prepare();
  std::string ActiveId() const;

  const std::vector<Failure>& failures() const { return failures_; }
  void ForgetFailures() { failures_.clear(); }
  // Nodes that signetd refused.
  const std::vector<std::string>& refusals() const { return refusals_; }
  int64_t handshakes() const { return handshakes_; }
  // In how many of them each program took part.
  const std::map<std::string, int64_t>& by_program() const { return by_program_; }

  testing::World world;
  authority::Rotation rotation;
  authority::Sightings sightings;

 private:
  // slurmstepd on a node, srun elsewhere.
  struct Step {
    Peer process;
    absl::Time ends;
  };
  NodeHost& AddHost(const std::string& name, const std::string& program);
  void Begin(Peer process);
  bool Talk(const Peer& client, const Peer& server);
  void Renew();
  void TurnSteps();
  void ReportAll();
  void TalkAtRandom();
  std::vector<const Peer*> Servers() const;
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  const Peer& slurmctld() const { return services_.front().process(); }

  std::mt19937 random_{20260101};
  std::vector<std::unique_ptr<NodeHost>> nodes_;
  std::vector<ServiceHost> services_;
  std::vector<LoginHost> logins_;
  std::vector<Step> steps_;
  std::vector<Peer> strangers_;
  std::vector<Failure> failures_;
  std::vector<std::string> refusals_;
  int64_t handshakes_ = 0;
  std::map<std::string, int64_t> by_program_;
};

// The hosts and services that blockers name.
std::set<std::string> NamesOf(const std::vector<authority::Blocker>& blockers);

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_CLUSTER_H_
