#include "services/enrollment/node_life.h"

#include "absl/strings/ascii.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class NodeLifeTest : public EnrollmentTest {
 protected:
  absl::StatusOr<store::BlockRow> FindBlock(const std::string& node) {
    return world_.Read([&](const store::Tables& tables) { return tables.blocks().Find(node); });
  }
  absl::StatusOr<store::ApprovalRow> FindApproval(const std::string& key_id) {
    return world_.Read([&](const store::Tables& tables) { return tables.approvals().Find(key_id); });
  }
  std::string LastRecord() { return world_.AuditRows().back().bytes; }
  absl::Status ApproveStatus(const std::string& node, const std::string& daemon, const std::string& key,
                             absl::Duration ttl = absl::ZeroDuration()) {
    return world_.node_life->Approve(node, daemon, key, ttl, world_.origin).status();
  }
};

TEST_F(NodeLifeTest, BlockEndsEveryKeyTokenAndApprovalOfTheNameInOneAuditRecord) {
  Enrol();
  SimulatedNode sackd("n1", world_.clock, "sackd");
  const evidence::Token sackd_token = world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  ASSERT_EQ(Refused(sackd.Ask(&sackd_token)), "");
  const evidence::Token open = world_.MakeToken("n1", TokenKind::kReusable);
  Approve(SimulatedNode("n1", world_.clock));
  const SimulatedNode other("n2", world_.clock);
  Approve(other);
  const std::size_t audited = world_.AuditRows().size();

  const NodeChange change = Block("n1");
  EXPECT_EQ(change.nodes, 1);
  EXPECT_EQ(change.identities_ended, 2);
  EXPECT_EQ(change.tokens_revoked, 1);
  EXPECT_EQ(change.approvals_dropped, 1);
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("node.block"), HasSubstr("n1"), HasSubstr("stolen")));
  const store::IdentityRow ended = Identity(node_.key_id());
  EXPECT_EQ(ended.ended_by, store::EndedBy::kBlock);
  EXPECT_EQ(ended.superseded_at, world_.clock.Now() - absl::Seconds(1));
  EXPECT_EQ(Must(FindBlock("n1")).reason, "stolen");
  EXPECT_EQ(Must(FindBlock("n1")).blocked_by, world_.origin.actor);
  EXPECT_TRUE(FindApproval(other.key_id()).ok()) << "another node's";
  EXPECT_TRUE(Must(world_.Read([&](const store::Tables& tables) { return tables.tokens().Find(open.id()); })).revoked);
}

TEST_F(NodeLifeTest, ANameCanBeBlockedBeforeItEverEnrolled) {
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Block("n1").tokens_revoked, 1);
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kTokenRevoked);
  EXPECT_TRUE(FindBlock("n1").ok());
}

TEST_F(NodeLifeTest, BlockingAgainChangesNothingAndTheFirstReasonStays) {
  Block("n1");
  const std::size_t audited = world_.AuditRows().size();
  EXPECT_EQ(Must(world_.node_life->Block({"n1"}, "another", world_.origin)).nodes, 0);
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(Must(FindBlock("n1")).reason, "stolen");
}

TEST_F(NodeLifeTest, BlockingABlockedNameEndsWhatStillLives) {
  Enrol();
  InsertBlock("n1");
  const std::size_t audited = world_.AuditRows().size();
  const NodeChange change = Must(world_.node_life->Block({"n1"}, "again", world_.origin));
  EXPECT_EQ(change.nodes, 0);
  EXPECT_EQ(change.identities_ended, 1);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityEnded);
}

TEST_F(NodeLifeTest, ForgettingANameWithNothingButAnApprovalIsAChange) {
  Approve(node_);
  const std::size_t audited = world_.AuditRows().size();
  EXPECT_EQ(Must(world_.node_life->Forget({"n1"}, world_.origin)).approvals_dropped, 1);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityUnknown);
}

TEST_F(NodeLifeTest, ForgettingAHostDropsWhatItReportedOfItself) {
  for (const char* program : {"host", "slurmctld"}) {
    store::ReportRow row;
    row.host = "login1";
    row.program = program;
    Must(world_.sightings->Report(row, world_.origin));
  }
  const std::size_t audited = world_.AuditRows().size();
  EXPECT_EQ(Must(world_.node_life->Forget({"login1"}, world_.origin)).reports_dropped, 2);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), HasSubstr("reports_dropped"));
  EXPECT_TRUE(Must(world_.Read([](const store::Tables& tables) { return tables.sightings().ListReports(); })).empty());
  EXPECT_EQ(Must(world_.node_life->Forget({"login1"}, world_.origin)).reports_dropped, 0);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1);
}

TEST_F(NodeLifeTest, ABlockOfManyNodesIsOneRecordOverAHostlistAndCountsEachNameOnce) {
  const std::size_t audited = world_.AuditRows().size();
  const NodeChange change = Must(world_.node_life->Block({"n3", "n1", "n2", "n1"}, "rack lost", world_.origin));
  EXPECT_EQ(change.nodes, 3);
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), HasSubstr("n[1-3]"));
}

TEST_F(NodeLifeTest, ABadNameAmongGoodOnesBlocksNobody) {
  for (const std::string& bad : {std::string("slurmctld"), std::string("n 2"), std::string(), std::string(".*"),
                                 std::string("n1\0x", 4), std::string("n[1-9]")}) {
    const auto refused = world_.node_life->Block({"n1", bad}, "why", world_.origin);
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(world_.node_life->Unblock({bad}, world_.origin).status())) << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(world_.node_life->Forget({bad}, world_.origin).status())) << bad;
  }
  EXPECT_TRUE(absl::IsNotFound(FindBlock("n1").status()));
}

TEST_F(NodeLifeTest, ACallNamesOneToAThousandNodes) {
  const std::vector<std::string> many(kMaxNodesPerCall + 1, "n1");
  for (const auto& nodes : {std::vector<std::string>(), many}) {
    EXPECT_TRUE(absl::IsInvalidArgument(world_.node_life->Block(nodes, "why", world_.origin).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(world_.node_life->Unblock(nodes, world_.origin).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(world_.node_life->Forget(nodes, world_.origin).status()));
  }
}

TEST_F(NodeLifeTest, ABlockNeedsAReasonThatCanBePrinted) {
  for (const std::string& bad : {std::string(), std::string("  "), std::string("a\nb"), std::string("\x1b[31m"),
                                 std::string("\xff"), std::string("a\0b", 3), std::string(kMaxBlockReason + 1, 'x')}) {
    const auto refused = world_.node_life->Block({"n1"}, bad, world_.origin);
    EXPECT_EQ(base::ReasonOf(refused.status()), base::kMalformed) << bad;
  }
  EXPECT_TRUE(world_.node_life->Block({"n1"}, "Gerät gestohlen", world_.origin).ok());
}

TEST_F(NodeLifeTest, UnblockLiftsTheBlockAndNothingElse) {
  Enrol();
  Block("n1");
  const std::size_t audited = world_.AuditRows().size();
  Unblock("n1");
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("node.unblock"), HasSubstr("n1")));
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityEnded) << "the key stays dead";
  node_.ForgetEverything();
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(NodeLifeTest, UnblockingWhatIsNotBlockedWritesNoRecord) {
  const std::size_t audited = world_.AuditRows().size();
  EXPECT_EQ(Must(world_.node_life->Unblock({"n1", "n2"}, world_.origin)).nodes, 0);
  EXPECT_EQ(world_.AuditRows().size(), audited);
}

TEST_F(NodeLifeTest, ForgetTakesEveryDaemonOfTheNameOutOfTheLedger) {
  Enrol();
  SimulatedNode sackd("n1", world_.clock, "sackd");
  const evidence::Token sackd_token = world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  ASSERT_EQ(Refused(sackd.Ask(&sackd_token)), "");
  world_.MakeToken("n1", TokenKind::kBoot);
  const std::size_t audited = world_.AuditRows().size();
  const NodeChange change = Must(world_.node_life->Forget({"n1", "n2"}, world_.origin));
  EXPECT_EQ(change.nodes, 2);
  EXPECT_EQ(change.identities_ended, 2);
  EXPECT_EQ(change.tokens_revoked, 1);
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("node.forget"), HasSubstr("n[1-2]")));
  EXPECT_EQ(Identity(node_.key_id()).ended_by, store::EndedBy::kForget);
  EXPECT_TRUE(absl::IsNotFound(
      world_.Read([](const store::Tables& tables) { return tables.nodes().Find("n1", "slurmd"); }).status()));
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityEnded);
  EXPECT_EQ(Must(world_.node_life->Forget({"n1"}, world_.origin)).nodes, 0);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1) << "the second time there is nothing to forget";
}

TEST_F(NodeLifeTest, ForgetLeavesABlockInPlace) {
  Enrol();
  Block("n1");
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  EXPECT_TRUE(FindBlock("n1").ok());
}

TEST_F(NodeLifeTest, AForgottenNodeEnrolsAgainWithANewTokenAndKey) {
  Enrol();
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  node_.ForgetEverything();
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kLab);
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
}

TEST_F(NodeLifeTest, NothingChangesWhenTheRecordCannotBeWritten) {
  Enrol();
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(world_.node_life->Block({"n1"}, "why", world_.origin).status()));
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(world_.node_life->Forget({"n1"}, world_.origin).status()));
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(world_.node_life->Unblock({"n1"}, world_.origin).status()));
  const SimulatedNode other("n2", world_.clock);
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(ApproveStatus("n2", "slurmd", other.key_id())));
  EXPECT_TRUE(absl::IsNotFound(FindApproval(other.key_id()).status()));
  EXPECT_TRUE(absl::IsNotFound(FindBlock("n1").status()));
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(NodeLifeTest, AnApprovalIsRecordedWithItsKeyAndItsEnd) {
  const std::size_t audited = world_.AuditRows().size();
  const store::ApprovalRow row =
      Must(world_.node_life->Approve("n1", "slurmd", node_.key_id(), absl::ZeroDuration(), world_.origin));
  EXPECT_EQ(row.expires_at - row.approved_at, kDefaultApprovalTtl);
  EXPECT_EQ(row.approved_by, world_.origin.actor);
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("node.approve"), HasSubstr("n1"), HasSubstr(node_.key_id())));
  EXPECT_EQ(Must(FindApproval(node_.key_id())).expires_at, row.expires_at);
}

TEST_F(NodeLifeTest, AKeyIdIsTakenInUpperCaseToo) {
  std::string upper = absl::AsciiStrToUpper(node_.key_id());
  EXPECT_EQ(ApproveStatus("n1", "slurmd", upper), absl::OkStatus());
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(NodeLifeTest, AnApprovalOfWhatIsNoneIsRefused) {
  const std::string key = node_.key_id();
  EXPECT_EQ(base::ReasonOf(ApproveStatus("slurmctld", "slurmd", key)), base::kNameRefused);
  for (const char* daemon : {"", "slurmctld", "Slurmd"}) {
    EXPECT_EQ(base::ReasonOf(ApproveStatus("n1", daemon, key)), base::kMalformed) << daemon;
  }
  for (const std::string& bad : {std::string(), key.substr(1), key + "0", std::string(32, 'g'),
                                 std::string("' OR 1=1 --                     "), std::string(32, '\0')}) {
    EXPECT_EQ(base::ReasonOf(ApproveStatus("n1", "slurmd", bad)), base::kMalformed) << bad;
  }
  for (const absl::Duration ttl :
       {-absl::Hours(1), absl::Milliseconds(1), kMostApprovalTtl + absl::Seconds(1), absl::InfiniteDuration()}) {
    EXPECT_EQ(base::ReasonOf(ApproveStatus("n1", "slurmd", key, ttl)), base::kMalformed) << ttl;
  }
  EXPECT_TRUE(absl::IsNotFound(FindApproval(key).status()));
}

TEST_F(NodeLifeTest, ABlockedNameIsNotApproved) {
  Block("n1");
  const absl::Status refused = ApproveStatus("n1", "slurmd", node_.key_id());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(base::ReasonOf(refused), base::kNodeBlocked);
  EXPECT_EQ(base::NextOf(refused), "signetctl node unblock n1");
}

TEST_F(NodeLifeTest, AKeyOfTheLedgerIsNotApprovedAliveOrEnded) {
  Enrol();
  const absl::Status live = ApproveStatus("n2", "slurmd", node_.key_id());
  EXPECT_TRUE(absl::IsAlreadyExists(live));
  EXPECT_EQ(base::NextOf(live), "signetctl node show n1");
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  const absl::Status ended = ApproveStatus("n1", "slurmd", node_.key_id());
  EXPECT_TRUE(absl::IsAlreadyExists(ended));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("does not come back"));
  EXPECT_EQ(base::NextOf(ended), "signetctl token create n1 --out-dir DIR");
  EXPECT_THAT(base::NextOf(live), Not(HasSubstr("token")));
}

}  // namespace
}  // namespace signet::enrollment
