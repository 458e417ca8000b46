#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rotation/cluster.h"

namespace signet::rotation {
namespace {

using authority::Blocker;
using authority::Verb;
using ::signet::testing::Must;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);
// After which everybody has renewed twice, and who was away long enough is no longer waited for.
constexpr absl::Duration kSoon = absl::Hours(24 * 3);
constexpr absl::Duration kPatience = absl::Hours(24 * 30);

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() : first_(cluster_.ActiveId()), old_anchors_(cluster_.node("n001").disk().pem()) {}

  void ExpectNobodyFailed() {
    std::vector<std::string> errors;
    for (const Failure& failure : cluster_.failures()) errors.push_back(failure.error);
    if (errors.size() > 10) errors.resize(10);
    EXPECT_THAT(errors, IsEmpty()) << cluster_.failures().size() << " of " << cluster_.handshakes();
    EXPECT_THAT(cluster_.refusals(), IsEmpty());
  }
  // Whoever it may have been until now, and everybody at once, without one failure.
  void ExpectAllTalk() {
    const int64_t before = cluster_.handshakes();
    EXPECT_GE(cluster_.Daemons().size(), 100u);
    cluster_.TalkAll();
    EXPECT_GE(cluster_.handshakes() - before, 800);
    ExpectNobodyFailed();
  }
  // What every daemon shows and trusts after the end of a rotation to `authority_id`.
  void ExpectOnly(const std::string& authority_id) {
    const x509::Certificate root = Must(cluster_.world.authorities->Find(authority_id))->anchor;
    for (const auto& node : cluster_.nodes()) {
      const auto chain = Must(x509::Certificate::ListFromPem(node->slurmd().chain_pem()));
      EXPECT_TRUE(chain.front().VerifySignedBy(root).ok()) << node->slurmd().host();
      EXPECT_EQ(chain.size(), 1u) << "a cross certificate that nobody needs";
      const auto anchors = Must(x509::Certificate::ListFromPem(node->slurmd().anchors_pem()));
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
    const auto found = Must(cluster_.world.authorities->Find(id));
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
  std::vector<Blocker> Force(Verb verb, const std::string& id) {
    authority::Plan plan;
    const auto changed = Must(cluster_.rotation.Change({id, verb, false, "a drill"}, cluster_.world.origin, &plan));
    EXPECT_TRUE(changed.changed);
    return changed.plan.blockers;
  }

  Cluster cluster_{80};
  const std::string first_;
  const std::string old_anchors_;
};

TEST_F(RotationTest, NobodyFailsFromPrepareToRevokeWhileTwoNodesAreAway) {
  cluster_.node("n007").Stop();
  cluster_.node("n042").Stop();
  cluster_.node("n077").Stop();
  const std::string second = cluster_.Prepare();
  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kActivate, second)),
              ::testing::AllOf(Contains("n001"), Contains("n007"), Contains("n080"), Contains("slurmctld"),
                               Contains("slurmdbd"), Contains("slurmrestd")))
      << "nobody has it yet";
  for (absl::Duration waited; waited < kSoon; waited += kTick) {
    cluster_.Follow(cluster_.Try(Verb::kActivate, second));
    cluster_.Tick();
  }
  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kActivate, second)), ElementsAre("n007", "n042", "n077"));
  cluster_.node("n007").Start();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);  // the certificates of the other two end meanwhile
  const absl::Time activated = cluster_.world.clock.Now();
  EXPECT_EQ(State(first_), "retired");

  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kRevoke, first_)), Contains("n001")) << "shows a certificate of the first";
  cluster_.Run(kDay);
  cluster_.node("n042").Start();  // with the first anchor in memory, and a certificate that has ended
  ASSERT_EQ(cluster_.node("n042").slurmd().anchors_pem(), old_anchors_);
  cluster_.Tick();
  ASSERT_TRUE(cluster_.node("n042").slurmd().has_certificate());
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  EXPECT_GE(cluster_.world.clock.Now() - activated, kHold);
  EXPECT_EQ(State(first_), "revoked");
  ExpectAllTalk();
  cluster_.node("n077").StartRefreshed();  // missed it all; its service fetches the bundle before slurmd starts

  cluster_.Run(kSoon);
  EXPECT_EQ(Must(cluster_.rotation.Stand()).step, authority::Step::kIdle);
  ExpectAllTalk();
  for (ServiceHost& service : cluster_.services()) {
    service.RenewCertificate();
    service.Load();
  }
  ExpectAllTalk();
  ExpectOnly(second);
  EXPECT_TRUE(WhoNeverReloadedIsLost());
}

TEST_F(RotationTest, NobodyFailsWhenItIsRolledBack) {
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Run(kTick);  // half of the nodes have a certificate of the second
  ExpectAllTalk();
  EXPECT_THAT(cluster_.Try(Verb::kRollback, first_), IsEmpty());
  EXPECT_EQ(State(first_), "active");
  EXPECT_EQ(State(second), "retired");
  cluster_.Run(2 * kDay);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  cluster_.Run(kSoon);
  ExpectAllTalk();
  ExpectOnly(first_);
  EXPECT_FALSE(WhoNeverReloadedIsLost()) << "old-signed-by-new was never needed";
}

TEST_F(RotationTest, NobodyFailsThroughTwoRotationsThatOverlap) {
  cluster_.node("n042").Stop();
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  const std::string third = cluster_.Prepare();
  cluster_.Run(kTick);
  cluster_.WaitFor(Verb::kActivate, third, kPatience);
  EXPECT_EQ(State(first_), "retired") << "held while the next rotation is on";
  EXPECT_EQ(State(second), "retired");
  cluster_.node("n042").Start();  // two rotations behind
  ASSERT_EQ(cluster_.node("n042").slurmd().anchors_pem(), old_anchors_);
  cluster_.Run(kTick);
  ASSERT_TRUE(cluster_.node("n042").slurmd().has_certificate());
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  cluster_.Run(kSoon);
  for (ServiceHost& service : cluster_.services()) {
    service.RenewCertificate();
    service.Load();
  }
  ExpectAllTalk();
  ExpectOnly(third);
  EXPECT_TRUE(WhoNeverReloadedIsLost());
}

TEST_F(RotationTest, ForceBreaksThoseWhomTheBlockersNameAndNobodyElse) {
  const std::set<std::string> stuck = {"n003", "n011", "n029"};
  for (const std::string& name : stuck) cluster_.node(name).ManageElsewhere();
  const std::string second = cluster_.Prepare();
  for (absl::Duration waited; waited < kSoon; waited += kTick) {
    cluster_.Follow(cluster_.Try(Verb::kActivate, second));
    cluster_.Tick();
  }
  EXPECT_EQ(NamesOf(Force(Verb::kActivate, second)), stuck);
  cluster_.Run(2 * kDay);
  ExpectAllTalk();  // whoever trusts the first only follows the cross certificate

  cluster_.Follow(cluster_.Try(Verb::kRevoke, first_));
  cluster_.Tick();
  EXPECT_EQ(NamesOf(Force(Verb::kRevoke, first_)), stuck);
  cluster_.Run(kSoon);
  cluster_.TalkAll();
  std::set<std::string> lost;
  for (const Failure& failure : cluster_.failures()) {
    EXPECT_EQ(stuck.count(failure.refused_by), 1u) << failure.error;
    lost.insert(failure.refused_by);
  }
  EXPECT_EQ(lost, stuck);
  EXPECT_THAT(cluster_.refusals(), IsEmpty());
}

TEST_F(RotationTest, ForceBreaksWhoStillShowsACertificateOfARevokedAuthority) {
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Tick();  // half of the nodes, and no service, have a certificate of the second
  ExpectAllTalk();
  const std::set<std::string> named = NamesOf(Force(Verb::kRevoke, first_));
  EXPECT_THAT(named, Contains("slurmctld"));
  EXPECT_LT(named.size(), 60u) << "who has renewed is not named";
  cluster_.Run(kDay);  // each node tries once to renew, and the first ones load a bundle without the first anchor
  cluster_.TalkAll();
  ASSERT_THAT(cluster_.failures(), Not(IsEmpty()));
  std::set<std::string> named_hosts = named;
  for (const ServiceHost& service : cluster_.services()) {
    if (named.count(service.service()) != 0) named_hosts.insert(service.process().host());
  }
  std::set<std::string> shown;
  for (const Failure& failure : cluster_.failures()) {
    const std::string refused = failure.refused_by == failure.client ? failure.server : failure.client;
    EXPECT_EQ(named_hosts.count(refused), 1u) << failure.error;
    shown.insert(refused);
  }
  EXPECT_THAT(shown, Contains("head1"));
}

}  // namespace
}  // namespace signet::rotation
