// Hosts that miss steps of a rotation: new leaf and old bundle, old leaf and new bundle, in memory and on disk.
#include "tests/rotation/rotation_fixture.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Of kRenewalPeriod.
constexpr absl::Duration kThreePeriods = absl::Hours(72);

class AwayTest : public RotationTest {
 protected:
  AwayTest() : RotationTest(12) {}

  void ExpectAllTalkInPairs() {
    EXPECT_EQ(ExpectFailuresWhereTheyMustBe(), 0);
    ExpectNobodyFailed();
  }
  // From prepare to revoke, by the gates.
  std::string Rotate() {
    const std::string from = cluster_.ActiveId();
    const std::string to = cluster_.Prepare();
    cluster_.WaitFor(Verb::kActivate, to, kPatience);
    cluster_.WaitFor(Verb::kRevoke, from, kPatience);
    cluster_.Run(kSoon);
    return to;
  }
  void ComeBack(const std::string& name) {
    cluster_.node(name).Start();
    cluster_.Tick();
    EXPECT_TRUE(cluster_.node(name).daemon().has_certificate()) << name;
    cluster_.TalkAll();
    ExpectNobodyFailed();
  }
};

TEST_F(AwayTest, ThreeRenewalPeriodsAtAnyStepCostNothing) {
  cluster_.node("n002").Stop();
  cluster_.Run(kThreePeriods);
  const std::string second = cluster_.Prepare();
  ComeBack("n002");  // away before
  cluster_.node("n003").Stop();
  cluster_.node("sub01").Stop();
  cluster_.Run(kThreePeriods);
  ComeBack("n003");  // away while it spread
  ComeBack("sub01");
  cluster_.node("n004").Stop();
  EXPECT_GT(cluster_.WaitFor(Verb::kActivate, second, kPatience), absl::ZeroDuration());
  cluster_.Run(kThreePeriods);
  ComeBack("n004");  // away over the activation: its certificate is of the first, and all others are of the second
  cluster_.node("n005").Stop();
  cluster_.Run(kThreePeriods);
  ComeBack("n005");  // away in the hold
  cluster_.node("n006").Stop();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kThreePeriods);
  cluster_.node("n006").StartRefreshed();  // away over the revocation
  cluster_.Tick();
  EXPECT_TRUE(cluster_.node("n006").daemon().has_certificate());
  ExpectAllTalkInPairs();
}

TEST_F(AwayTest, ThreeWholeRotationsEndWithOneRefreshAndNoToken) {
  cluster_.node("n002").Stop();
  cluster_.node("sub02").Stop();
  for (int i = 0; i < 3; ++i) Rotate();
  ExpectNobodyFailed();

  // With the bundle of then it meets nobody whom it knows; nobody else has anything of it.
  cluster_.node("n002").Start();
  cluster_.Tick();
  EXPECT_FALSE(cluster_.node("n002").daemon().has_certificate());
  ASSERT_THAT(cluster_.failures(), Not(IsEmpty()));
  for (const Failure& failure : cluster_.failures()) EXPECT_EQ(failure.refused_by, "n002") << failure.error;
  cluster_.ForgetFailures();

  cluster_.EndSteps();
  for (const char* name : {"n002", "sub02"}) {
    cluster_.node(name).Stop();
    cluster_.node(name).StartRefreshed();
  }
  cluster_.Tick();
  for (const char* name : {"n002", "sub02"}) EXPECT_TRUE(cluster_.node(name).daemon().has_certificate()) << name;
  ExpectAllTalkInPairs();
}

TEST_F(AwayTest, AFirstEnrolmentHasTheBundleOnDiskAndNotLoadedAndTheCrossKeepsItAlive) {
  const DiskBundle image = cluster_.node("n001").disk();
  const std::string second = cluster_.Prepare();
  cluster_.Run(kSoon);
  for (ServiceHost& service : cluster_.services()) EXPECT_TRUE(cluster_.Reload(service));
  NodeHost& fresh = cluster_.Add("n099", image);
  fresh.Start();
  cluster_.Tick();
  ASSERT_TRUE(fresh.daemon().has_certificate());
  EXPECT_NE(fresh.disk().pem(), old_anchors_) << "generate-csr replaced it";
  EXPECT_EQ(fresh.daemon().anchors_pem(), old_anchors_) << "and slurmd has not read it";
  EXPECT_THAT(NamesOf(cluster_.Try(Verb::kActivate, second)), ElementsAre("n099"));

  EXPECT_EQ(NamesOf(Force(Verb::kActivate, second)).count("n099"), 1u);
  cluster_.service("slurmctld").RenewCertificate();
  EXPECT_TRUE(cluster_.Reload(cluster_.service("slurmctld")));  // a leaf of the second, which n099 does not know
  cluster_.Tick();                                              // half of the nodes have one too
  EXPECT_EQ(fresh.daemon().anchors_pem(), old_anchors_);
  ExpectAllTalkInPairs();
  // Two renewals later it is known to have loaded it, and stands in nobody's way.
  cluster_.Run(kSoon);
  EXPECT_NE(fresh.daemon().anchors_pem(), old_anchors_);
  for (const authority::Blocker& blocker : cluster_.Try(Verb::kRevoke, first_)) {
    EXPECT_NE(blocker.kind, authority::BlockerKind::kNodeNotLoaded) << blocker.cause;
  }
  ExpectAllTalkInPairs();
}

}  // namespace
}  // namespace signet::rotation
