// A Slurm cluster of a hundred daemons and signetd's engines, in one process, under one clock.
#ifndef SIGNET_TESTS_ROTATION_CLUSTER_H_
#define SIGNET_TESTS_ROTATION_CLUSTER_H_

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "services/authority/rotation.h"
#include "services/authority/sightings.h"
#include "tests/rotation/node_host.h"
#include "tests/rotation/peer.h"
#include "tests/rotation/service_host.h"
#include "tests/testing/world.h"

namespace signet::rotation {

inline constexpr absl::Duration kTick = absl::Hours(12);
// The longest job step lives as long as steps live here.
inline constexpr absl::Duration kHold = absl::Hours(24 * 4);
inline constexpr absl::Duration kLongestStep = absl::Hours(24 * 3);

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

  // Half a day: half of the nodes renew, steps end and begin, hosts report, and everybody talks.
  void Tick();
  void Run(absl::Duration duration);
  // As when every job is cancelled.
  void EndSteps() { steps_.clear(); }
  // Each daemon speaks to every service and to five others, and is spoken to by five.
  void TalkAll();

  // Hosts that Signet knows nothing of, which speak with everybody all the while.
  std::vector<Peer>& strangers() { return strangers_; }
  NodeHost& node(const std::string& name);
  std::vector<std::unique_ptr<NodeHost>>& nodes() { return nodes_; }
  std::vector<ServiceHost>& services() { return services_; }
  // Every process that speaks TLS now.
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

  testing::World world;
  authority::Rotation rotation;
  authority::Sightings sightings;

 private:
  struct Step {
    Peer process;
    absl::Time ends;
  };
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
  std::vector<Step> steps_;
  std::vector<Peer> strangers_;
  std::vector<Failure> failures_;
  std::vector<std::string> refusals_;
  int64_t handshakes_ = 0;
};

// The hosts and services that blockers name.
std::set<std::string> NamesOf(const std::vector<authority::Blocker>& blockers);

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_CLUSTER_H_
