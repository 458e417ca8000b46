#include "tests/services/authority/gates_fixture.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(GatesTest, NobodyToBeLostKeepsNoGateClosed) {
  Start();
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AFileOnTheDiskOpensNoGateAndLoadedDoes) {
  Ask("n1");
  Start();
  ASSERT_EQ(Names(Spreading()), "1:n1 ");
  const Blocker blocker = Spreading()[0];
  EXPECT_EQ(blocker.count, 1);
  EXPECT_EQ(blocker.since, Row(prepared).created_at);
  EXPECT_EQ(blocker.until, absl::InfiniteFuture());
  EXPECT_THAT(blocker.cause, HasSubstr("Slurm CA 2"));
  EXPECT_THAT(blocker.next, HasSubstr("signetctl rotation probe --authority "));
  Ask("n1", new_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Ask("n1", new_file, old_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Ask("n1", new_file, new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, ALaterBundleThatHoldsTheRootCountsToo) {
  Ask("n1");
  Start();
  Prepare();
  Ask("n1", FileHash(), FileHash());
  EXPECT_NE(FileHash(), new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AHashThatThisServerNeverMadeOpensNothing) {
  Ask("n1");
  Start();
  const std::string foreign(32, 'f');
  Ask("n1", foreign, foreign);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Report("login1", "host", foreign);
  EXPECT_EQ(Names(Spreading()), "1:n1 3:login1 ");
}

TEST_F(GatesTest, AFileThatWasSetBackClosesTheGateAgain) {
  Ask("n1");
  Start();
  Ask("n1", new_file, new_file);
  ASSERT_THAT(Spreading(), IsEmpty());
  Ask("n1", old_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Ask("n1", std::string(32, 'f'));
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, ANewIdentityKeyHasLoadedNothing) {
  Ask("n1");
  Start();
  Ask("n1", new_file, new_file);
  ASSERT_THAT(Spreading(), IsEmpty());
  nodes.clear();
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", new_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, AProbeOpensTheGateAndALaterOneClosesIt) {
  Ask("n1");
  Start();
  Probe(prepared, "n1", "slurmd", false);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Probe(prepared, "n1", "slurmd", true);
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", new_file, new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "n1", "slurmd", false);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, AProbeForAnotherAuthorityOrProgramOrBeforeOpensNothing) {
  Ask("n1");
  Start();
  Probe(former, "n1", "slurmd", true);
  Probe(prepared, "n1", "slurmctld", true);
  Probe(prepared, "n2", "slurmd", true, world.Node("n1").serial);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  const store::AuthorityRow row = Row(prepared);
  Probe(prepared, "n1", "slurmd", true);
  EXPECT_THAT(Spreading(), IsEmpty());
  const auto later = Must(world.Read([&](const store::Tables& tables) {
    return NotLoaded(tables, row, world.clock.Now() + absl::Seconds(1), world.clock.Now());
  }));
  EXPECT_EQ(Names(later), "1:n1 ");
}

TEST_F(GatesTest, AProbeOutlivesAStatementThatSaysNothingNew) {
  Ask("n1");
  Start();
  Probe(prepared, "n1", "slurmd", true);
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", old_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, AFileThatNobodyHereKnowsSpeaksAgainstAnEarlierProbe) {
  Ask("n1");
  Start();
  Probe(prepared, "n1", "slurmd", true);
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", std::string(32, 'f'));
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "n1", "slurmd", true);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AProbeSpeaksOfTheProcessThatItAskedAndOfNoneAfterIt) {
  Ask("n1");
  Start();
  Probe(prepared, "n1", "slurmd", true);
  ASSERT_THAT(Spreading(), IsEmpty());
  nodes.at("n1/slurmd").boot_id = signet::testing::SimulatedNode::BootId(7);
  Ask("n1", new_file);  // booted with an image of before; the file was replaced since
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Probe(prepared, "n1", "slurmd", true);
  ASSERT_THAT(Spreading(), IsEmpty());
  nodes.clear();
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", new_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, NothingThatWasSaidInTheFutureOutweighsALaterWord) {
  Ask("n1");
  Ask("n2");
  Start();
  world.clock.Advance(absl::Hours(48));
  Probe(prepared, "n1", "slurmd", true);
  Ack(prepared, {"n2"});
  ASSERT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(-absl::Hours(48));  // it had run ahead
  Ask("n1", old_file);
  Ask("n2", old_file);
  EXPECT_EQ(Names(Spreading()), "1:n[1-2] ");
}

TEST_F(GatesTest, AnAcknowledgementOpensTheGateForThatNameAndAuthorityOnly) {
  Ask("n1");
  Ask("n2");
  Start();
  Ack(former, {"n1", "n2"});
  EXPECT_EQ(Names(Spreading()), "1:n[1-2] ");
  Ack(prepared, {"n1"});
  EXPECT_EQ(Names(Spreading()), "1:n2 ");
}

TEST_F(GatesTest, BothDaemonsOfANodeCount) {
  Ask("n1");
  Ask("n1", "", "", "sackd");
  Start();
  Ask("n1", new_file, new_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  EXPECT_EQ(Spreading()[0].count, 1);
  Ask("n1", new_file, new_file, "sackd");
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, ABlockedNodeBlocksNothingAndNeitherDoesOneWhoseCertificateEnded) {
  Ask("n1");
  Ask("n2");
  Start();
  Must(world.node_life->Block({"n1"}, "stolen", world.origin).status());
  EXPECT_EQ(Names(Spreading()), "1:n2 ");
  world.clock.Advance(absl::Hours(24 * 8));
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AThousandNodesFoldIntoOneBlocker) {
  Start();
  Must(world.store->Write([&](store::Tables& tables) -> absl::Status {
    for (int i = 1; i <= 2500; ++i) {
      store::NodeRow row;
      row.name = absl::StrCat("n", absl::Dec(i, absl::kZeroPad4));
      row.daemon = "slurmd";
      row.serial = "01";
      row.not_after = world.clock.Now() + absl::Hours(1);
      row.enrolled_at = row.last_request_at = world.clock.Now();
      const absl::Status put = tables.nodes().Put(row);
      if (!put.ok()) return put;
    }
    return absl::OkStatus();
  }));
  ASSERT_EQ(Names(Spreading()), "1:n[0001-2500] ");
  EXPECT_EQ(Spreading()[0].count, 2500);
}

TEST_F(GatesTest, AnAcknowledgementGivesWayToALaterWordThatSaysNo) {
  Ask("n1");
  Ask("n2");
  IssueService("slurmdbd");
  Start();
  Report("db1", "slurmdbd", old_file);
  world.clock.Advance(absl::Seconds(1));
  Ack(prepared, {"n1", "n2", "slurmdbd"});
  ASSERT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Ask("n1", new_file);  // says nothing against it
  EXPECT_THAT(Spreading(), IsEmpty());
  Ask("n1", old_file);
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Probe(prepared, "n2", "slurmd", false);
  EXPECT_EQ(Names(Spreading()), "1:n[1-2] ");
  Report("db1", "slurmdbd", old_file);
  EXPECT_EQ(Names(Spreading()), "1:n[1-2] 2:slurmdbd ");
  world.clock.Advance(absl::Seconds(1));
  Ack(prepared, {"n1", "n2", "db1"});
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AnAcknowledgementForActivationOpensNoRevocation) {
  Ask("n1", FileHash(), FileHash());
  Start();
  Ack(prepared, {"n1"});
  Must(Change(Verb::kActivate, prepared).status());
  world.clock.Advance(kHold);
  Ask("n1");
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  EXPECT_EQ(Names(plan.blockers), "1:n1 ");
  world.clock.Advance(absl::Seconds(1));
  Ack(prepared, {"n1"});
  EXPECT_TRUE(Change(Verb::kRevoke, former).ok());
}

TEST_F(GatesTest, AnAcknowledgementForASecondActivationOpensNoRevocationOfTheFirst) {
  Ask("n1", FileHash(), FileHash());
  Start();
  Ack(prepared, {"n1"});
  Must(Change(Verb::kActivate, prepared).status());
  world.clock.Advance(absl::Seconds(1));
  const std::string third = Prepare();
  Ack(third, {"n1"});
  world.clock.Advance(absl::Seconds(1));
  Must(Change(Verb::kActivate, third).status());
  world.clock.Advance(kHold);
  Ask("n1");
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  EXPECT_EQ(Names(plan.blockers), "1:n1 ");
  world.clock.Advance(absl::Seconds(1));
  Ack(third, {"n1"});
  EXPECT_TRUE(Change(Verb::kRevoke, former).ok());
}

TEST_F(GatesTest, ARestartedDaemonHasLoadedNothingThatItDoesNotClaim) {
  Ask("n1");
  Start();
  Ask("n1", new_file, new_file);
  ASSERT_THAT(Spreading(), IsEmpty());
  Ask("n1", new_file);  // the same process would have claimed
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
  Ask("n1", new_file, new_file);
  Prepare();
  Ask("n1", FileHash());  // holds what it held
  EXPECT_THAT(Spreading(), IsEmpty());
  Ask("n1", new_file, new_file);
  nodes.at("n1/slurmd").boot_id = signet::testing::SimulatedNode::BootId(7);
  Ask("n1", FileHash());  // a boot with an old image whose file was replaced before anybody asked
  EXPECT_EQ(Names(Spreading()), "1:n1 ");
}

TEST_F(GatesTest, TheHoldEndsByItself) {
  Start();
  Take(Verb::kActivate, prepared);
  const absl::Time retired = world.clock.Now();
  const auto held = Hold(Row(former), kHold, world.clock.Now());
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].kind, BlockerKind::kHold);
  EXPECT_EQ(held[0].since, retired);
  EXPECT_EQ(held[0].until, retired + kHold);
  EXPECT_THAT(held[0].next, HasSubstr("14d"));
  EXPECT_EQ(Hold(Row(former), kHold, retired + kHold - absl::Seconds(1)).size(), 1U);
  EXPECT_THAT(Hold(Row(former), kHold, retired + kHold), IsEmpty());
}

TEST_F(GatesTest, RevokingWaitsForHoldForServedOnesAndForTheRootOfTheActiveOne) {
  Ask("n1", FileHash(), FileHash());
  Start();
  Take(Verb::kActivate, prepared);
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  EXPECT_EQ(Names(plan.blockers), "6: 4:n1 1:n1 ");
  world.clock.Advance(absl::Hours(24 * 6));
  Ask("n1");
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  ASSERT_EQ(Names(plan.blockers), "6: 4:n1 1:n1 ");
  EXPECT_THAT(plan.blockers[1].cause, HasSubstr("nobody saw a newer one in its place"));
  Ask("n1", new_file, new_file);
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  EXPECT_EQ(Names(plan.blockers), "6: 4:n1 ");
  world.clock.Advance(absl::Hours(24));
  EXPECT_FALSE(Change(Verb::kRevoke, former).ok());
  EXPECT_EQ(Names(plan.blockers), "6: ");
  world.clock.Advance(absl::Hours(24 * 8));
  const auto revoked = Change(Verb::kRevoke, former);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->changed);
  EXPECT_FALSE(BundleHolds(former));
}

TEST_F(GatesTest, TheStandingSaysWhereItIsAndWhatToType) {
  Ask("n1", FileHash(), FileHash());
  Ask("n2", FileHash(), FileHash());
  Standing standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.step, Step::kIdle);
  EXPECT_EQ(standing.authority_id, "");
  EXPECT_EQ(standing.next, "signetctl authority prepare");
  EXPECT_EQ(standing.bundle_generation, 1U);
  Start();
  world.clock.Advance(absl::Hours(2));
  Ask("n1", new_file, new_file);
  standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.step, Step::kSpreading);
  EXPECT_EQ(standing.authority_id, prepared);
  EXPECT_EQ(standing.since, Row(prepared).created_at);
  EXPECT_EQ(standing.summary, "Slurm CA 2 spreads since 3h: 1 of 2 nodes have loaded it");
  EXPECT_EQ(Names(standing.blockers), "1:n2 ");
  EXPECT_THAT(standing.next, HasSubstr("signetctl rotation probe --authority " + prepared.substr(0, 12)));
  EXPECT_THAT(standing.next, HasSubstr("signetctl rotation ack n2 --authority"));
  Ask("n2", new_file, new_file);
  standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.next, "signetctl authority activate " + prepared.substr(0, 12));
  EXPECT_EQ(standing.highest_generation_seen, 2U);
  Must(Change(Verb::kActivate, prepared).status());
  standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.step, Step::kHolding);
  EXPECT_EQ(standing.authority_id, former);
  EXPECT_EQ(Names(standing.blockers), "6: 4:n[1-2] ");
  EXPECT_THAT(standing.next, HasSubstr("wait"));
  world.clock.Advance(kHold);
  standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.next, "signetctl authority revoke " + former.substr(0, 12));
  Must(Change(Verb::kRevoke, former).status());
  EXPECT_EQ(Must(world.rotation->Stand()).step, Step::kIdle);
}

}  // namespace
}  // namespace signet::authority
