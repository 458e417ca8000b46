// A cluster before its first rotation, and what must hold at any time of one.
#ifndef SIGNET_TESTS_ROTATION_ROTATION_FIXTURE_H_
#define SIGNET_TESTS_ROTATION_ROTATION_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/rotation/cluster.h"

namespace signet::rotation {

// After which everybody has renewed twice, and so is known to have loaded the newest bundle.
inline constexpr absl::Duration kSoon = absl::Hours(24 * 3);
inline constexpr absl::Duration kPatience = absl::Hours(24 * 30);

class RotationTest : public ::testing::Test {
 protected:
  // A hundred processes and more, or, of few nodes, as many as can all speak to each other.
  explicit RotationTest(int nodes = 80)
      : cluster_(nodes), first_(cluster_.ActiveId()), old_anchors_(cluster_.node("n001").disk().pem()) {}

  void ExpectNobodyFailed() {
    std::vector<std::string> errors;
    for (const Failure& failure : cluster_.failures()) errors.push_back(failure.error);
    if (errors.size() > 10) errors.resize(10);
    EXPECT_THAT(errors, ::testing::IsEmpty()) << cluster_.failures().size() << " of " << cluster_.handshakes();
    EXPECT_THAT(cluster_.refusals(), ::testing::IsEmpty());
  }
  // Whoever it may have been until now, and everybody at once, without one failure.
  void ExpectAllTalk() {
    const int64_t before = cluster_.handshakes();
    std::map<std::string, int64_t> by_program = cluster_.by_program();
    ASSERT_GE(cluster_.Daemons().size(), 100u);
    cluster_.TalkAll();
    EXPECT_GE(cluster_.handshakes() - before, 800);
    for (const char* program :
         {"slurmd", "slurmctld", "slurmdbd", "slurmrestd", "slurmstepd", "sackd", "srun", "sinfo"}) {
      EXPECT_GT(cluster_.by_program().at(program), by_program[program]) << program;
    }
    ExpectNobodyFailed();
  }
  // Each process to each daemon; for few nodes. Gives how many failed, which is no surprise.
  int ExpectFailuresWhereTheyMustBe() {
    int failed = 0;
    std::vector<std::string> surprises = cluster_.TalkInEveryPair(&failed);
    const std::size_t all = surprises.size();
    if (all > 10) surprises.resize(10);
    EXPECT_THAT(surprises, ::testing::IsEmpty()) << all;
    return failed;
  }
  // Asks for the step, does what an administrator does about the answer, and waits, for `duration`.
  void TryFor(absl::Duration duration, authority::Verb verb, const std::string& id) {
    for (absl::Duration waited; waited < duration; waited += kTick) {
      cluster_.Follow(cluster_.Try(verb, id));
      cluster_.Tick();
    }
  }
  // What every daemon shows and trusts after the end of a rotation to `authority_id`.
  void ExpectOnly(const std::string& authority_id) {
    for (ServiceHost& service : cluster_.services()) {
      service.RenewCertificate();
      EXPECT_TRUE(cluster_.Reload(service));
    }
    ExpectAllTalk();
    const x509::Certificate root = testing::Must(cluster_.world.authorities->Find(authority_id))->anchor;
    for (const auto& node : cluster_.nodes()) {
      const auto chain = testing::Must(x509::Certificate::ListFromPem(node->daemon().chain_pem()));
      EXPECT_TRUE(chain.front().VerifySignedBy(root).ok()) << node->daemon().host();
      EXPECT_EQ(chain.size(), 1u) << "a cross certificate that nobody needs";
      const auto anchors = testing::Must(x509::Certificate::ListFromPem(node->daemon().anchors_pem()));
      ASSERT_EQ(anchors.size(), 1u);
      EXPECT_EQ(anchors.front().der(), root.der());
    }
  }
  // A process that still knows the first anchors only, against slurmctld: tells that the handshakes can fail.
  bool WhoNeverReloadedIsLost() {
    Peer step("n001", "slurmstepd");
    step.LoadAnchors(old_anchors_);
    return !Handshake(step, cluster_.services().front().process(), cluster_.world.clock.Now()).ok;
  }
  std::string State(const std::string& id) {
    const auto found = testing::Must(cluster_.world.authorities->Find(id));
    switch (found->state) {
      case store::AuthorityState::kPrepared:
        return "prepared";
      case store::AuthorityState::kActive:
        return "active";
      case store::AuthorityState::kRetired:
        return "retired";
      case store::AuthorityState::kRevoked:
        return "revoked";
      case store::AuthorityState::kDestroyed:
        return "destroyed";
    }
    return "";
  }
  // A step with force; the blockers that it passed over.
  std::vector<authority::Blocker> Force(authority::Verb verb, const std::string& id) {
    authority::Plan plan;
    const auto changed =
        testing::Must(cluster_.rotation.Change({id, verb, false, "a drill"}, cluster_.world.origin, &plan));
    EXPECT_TRUE(changed.changed);
    return changed.plan.blockers;
  }

  Cluster cluster_;
  const std::string first_;
  const std::string old_anchors_;
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_ROTATION_FIXTURE_H_
