#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rotation/rotation_fixture.h"

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
  cluster_.Probe();
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
