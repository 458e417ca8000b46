#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rotation/rotation_fixture.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::signet::testing::Must;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

constexpr absl::Duration kDay = absl::Hours(24);

TEST_F(RotationTest, NobodyFailsFromPrepareToRevokeWhileSomeAreAway) {
  for (const char* name : {"n007", "n042", "n077", "sub02"}) cluster_.node(name).Stop();
  cluster_.login("login02").Stop();
  const std::string second = cluster_.Prepare();
  EXPECT_THAT(
      NamesOf(cluster_.Try(Verb::kActivate, second)),
      IsSupersetOf({"n001", "n007", "n080", "sub01", "sub02", "login02", "slurmctld", "slurmdbd", "slurmrestd"}))
      << "nobody has it yet";
  TryFor(kSoon, Verb::kActivate, second);
  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kActivate, second)), ElementsAre("login02", "n007", "n042", "n077", "sub02"));
  cluster_.node("n007").Start();
  cluster_.login("login02").Start();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);  // the certificates of the other three end meanwhile
  const absl::Time activated = cluster_.world.clock.Now();
  EXPECT_EQ(State(first_), "retired");

  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kRevoke, first_)), IsSupersetOf({"n001", "sub01"}))
      << "they show certificates of the first";
  cluster_.Run(kDay);
  // With the first anchor in memory, and certificates that have ended, or none.
  for (const char* name : {"n042", "sub02"}) {
    cluster_.node(name).Start();
    ASSERT_EQ(cluster_.node(name).daemon().anchors_pem(), old_anchors_);
  }
  cluster_.Tick();
  for (const char* name : {"n042", "sub02"}) ASSERT_TRUE(cluster_.node(name).daemon().has_certificate()) << name;
  ExpectAllTalk();
  cluster_.node("n009").Stop();
  cluster_.node("sub03").Stop();
  cluster_.Run(kDay);
  cluster_.node("n009").Start();
  cluster_.node("sub03").Start();
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
  ASSERT_EQ(cluster_.node("n042").daemon().anchors_pem(), old_anchors_);
  cluster_.Run(kTick);
  ASSERT_TRUE(cluster_.node("n042").daemon().has_certificate());
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(third);
  EXPECT_TRUE(WhoNeverReloadedIsLost());
}

}  // namespace
}  // namespace signet::rotation
