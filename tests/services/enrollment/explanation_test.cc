#include "services/enrollment/explanation.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/enrollment/explanation_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(ExplanationTest, AHealthyNodeIsOneFindingThatSaysUntilWhen) {
  EnrolWell();
  const Explanation explanation = Explain();
  ASSERT_THAT(explanation.findings, SizeIs(1));
  EXPECT_EQ(explanation.findings[0].severity, Severity::kOk);
  EXPECT_EQ(explanation.findings[0].code, "OK");
  EXPECT_THAT(explanation.findings[0].cause, AllOf(HasSubstr("2026-01-08"), HasSubstr("slurmd")));
  EXPECT_EQ(explanation.findings[0].next, "");
  ASSERT_THAT(explanation.daemons, SizeIs(1));
  EXPECT_EQ(explanation.daemons[0].identity.key_id, explanation.daemons[0].node.key_id);
  EXPECT_EQ(explanation.daemons[0].identities, 1);
  EXPECT_THAT(explanation.tokens, SizeIs(1));
}

TEST_F(ExplanationTest, WhatIsNoNodeNameIsRefused) {
  for (const std::string& name : std::vector<std::string>{"", "slurmctld", "n 1", "n1'--", "../n1"}) {
    const auto explained =
        world_.Read([&](const store::Tables& tables) { return enrollment::Explain(tables, name, world_.clock.Now()); });
    EXPECT_EQ(base::ReasonOf(explained.status()), base::kNameRefused) << name;
  }
}

TEST_F(ExplanationTest, AnUnknownNameIsToldSoAndHowToMakeItsToken) {
  const Finding unknown = Find("NODE_UNKNOWN");
  EXPECT_EQ(unknown.severity, Severity::kError);
  EXPECT_EQ(unknown.next, "signetctl token create n1 --out-dir DIR");
  EXPECT_THAT(Explain().findings, SizeIs(1));
}

TEST_F(ExplanationTest, ANameWrittenAlmostRightIsCorrected) {
  world_.MakeToken("n007");
  EnrolWell();
  struct Row {
    std::string asked;
    std::string known;
  };
  for (const Row& row : std::vector<Row>{{"n7", "n007"},
                                         {"N007", "n007"},
                                         {"N07", "n007"},
                                         {"n0007", "n007"},
                                         {"n007.cluster.example", "n007"},
                                         {"N1", "n1"},
                                         {"n01", "n1"},
                                         {"n001", "n1"}}) {
    const Finding unknown = Find("NODE_UNKNOWN", row.asked);
    EXPECT_THAT(unknown.cause, HasSubstr(row.known)) << row.asked;
    EXPECT_EQ(unknown.next, absl::StrCat("signetctl node explain ", row.known)) << row.asked;
  }
  EXPECT_THAT(Find("NODE_UNKNOWN", "n8").next, HasSubstr("token create n8"));
  EXPECT_THAT(Find("NODE_UNKNOWN", "login").next, HasSubstr("token create login"));
}

TEST_F(ExplanationTest, AnOpenTokenThatNobodyUsedWaits) {
  world_.MakeToken("n1");
  world_.clock.Advance(absl::Hours(3));
  const Finding waits = Find("NOTHING_ARRIVED");
  EXPECT_EQ(waits.severity, Severity::kWarning);
  EXPECT_THAT(waits.cause, AllOf(HasSubstr("single-use"), HasSubstr("(3 hours ago)"), HasSubstr("validate_node")));
  EXPECT_THAT(waits.next, HasSubstr("journalctl -u slurmd"));
}

TEST_F(ExplanationTest, AnOpenTokenWithRefusedRequestsIsNotWaiting) {
  world_.MakeToken("n1");
  world_.clock.Advance(absl::Minutes(3));
  Refuse(base::kTokenUnknown, false);
  EXPECT_EQ(Find("NOT_ENROLLED").severity, Severity::kError);
  EXPECT_THAT(Find("NOT_ENROLLED").cause, HasSubstr("proved nothing"));
  EXPECT_EQ(Find("NOT_ENROLLED").next, "") << "a restart would not mend what was refused";
  EXPECT_FALSE(Has("NOTHING_ARRIVED"));
  EXPECT_EQ(Find(base::kTokenUnknown).severity, Severity::kWarning);
}

TEST_F(ExplanationTest, ARefusalOfTheOtherDaemonIsNotTheWaitingOnes) {
  EnrolWell();
  world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  Refuse(base::kSequenceRegressed, true, node_.key_id());
  EXPECT_THAT(Find("NOTHING_ARRIVED").cause, HasSubstr("n1 (sackd)"));
  Refuse(base::kTokenUsed, true);
  EXPECT_THAT(Find("NOT_ENROLLED").cause, Not(HasSubstr("proved nothing")));
}

TEST_F(ExplanationTest, TheDaemonOfAnApprovalThatRanOutIsNamed) {
  Approve(node_, "sackd");
  world_.clock.Advance(absl::Hours(25));
  EXPECT_EQ(Find("APPROVAL_EXPIRED").next,
            absl::StrCat("signetctl node approve n1 --key ", node_.key_id(), " --daemon sackd"));
}

TEST_F(ExplanationTest, ASpentTokenSaysHowItEnded) {
  const evidence::Token token = world_.MakeToken("n1");
  world_.clock.Advance(absl::Hours(24 * 8));
  EXPECT_THAT(Find(base::kTokenExpired).cause, HasSubstr("unused"));
  EXPECT_EQ(Find(base::kTokenExpired).next, "signetctl token create n1 --out-dir DIR");
  const evidence::Token second = world_.MakeToken("n1", TokenKind::kReusable);
  Must(world_.tokens->Revoke({second.id()}, {}, "", world_.origin));
  EXPECT_THAT(Find(base::kTokenRevoked).cause, HasSubstr("reusable"));
}

TEST_F(ExplanationTest, AForgottenNodeIsNotOneThatNeverEnrolled) {
  EnrolWell();
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  const Finding ended = Find(base::kIdentityEnded);
  EXPECT_EQ(ended.severity, Severity::kError);
  EXPECT_THAT(ended.cause, HasSubstr("node forget"));
  EXPECT_EQ(ended.next, "signetctl token create n1 --out-dir DIR");
}

TEST_F(ExplanationTest, ABlockSaysWhoWhenAndWhyAndNothingElse) {
  EnrolWell();
  Refuse(base::kNodeBlocked, true, node_.key_id());
  Block("n1");
  Refuse(base::kNodeBlocked, true, node_.key_id());
  const Explanation explanation = Explain();
  ASSERT_THAT(explanation.findings, SizeIs(1));
  EXPECT_EQ(explanation.findings[0].code, base::kNodeBlocked);
  EXPECT_THAT(explanation.findings[0].cause,
              AllOf(HasSubstr("socket:admin"), HasSubstr("2026-01-01"), HasSubstr("stolen")));
  EXPECT_EQ(explanation.findings[0].next, "signetctl node unblock n1");
  ASSERT_TRUE(explanation.block.has_value());
  EXPECT_THAT(explanation.refusals, SizeIs(2));
}

TEST_F(ExplanationTest, AfterABlockItWaitsForANewerToken) {
  EnrolWell();
  Block("n1");
  Unblock("n1");
  const Finding ended = Find(base::kIdentityEnded);
  EXPECT_EQ(ended.severity, Severity::kError);
  EXPECT_THAT(ended.cause, HasSubstr("a block"));
  EXPECT_EQ(ended.next, "signetctl token create n1 --out-dir DIR");
  world_.MakeToken("n1");
  EXPECT_EQ(Find(base::kIdentityEnded).severity, Severity::kWarning);
  EXPECT_THAT(Find(base::kIdentityEnded).next, HasSubstr("restart slurmd"));
}

TEST_F(ExplanationTest, ACertificateEndsInThreeSteps) {
  EnrolWell();
  const auto codes = [this] {
    std::vector<std::string> names;
    for (const Finding& finding : Explain().findings) names.push_back(finding.code);
    return names;
  };
  world_.clock.Advance(absl::Hours(83));
  EXPECT_THAT(codes(), ::testing::ElementsAre("OK"));
  world_.clock.Advance(absl::Hours(2));
  EXPECT_THAT(codes(), ::testing::ElementsAre("RENEWAL_OVERDUE"));
  world_.clock.Advance(absl::Hours(42));
  EXPECT_THAT(codes(), ::testing::ElementsAre("CERTIFICATE_ENDS_SOON"));
  world_.clock.Advance(absl::Hours(42));
  EXPECT_THAT(codes(), ::testing::ElementsAre("CERTIFICATE_EXPIRED"));
  EXPECT_EQ(Find("CERTIFICATE_EXPIRED").severity, Severity::kError);
  EXPECT_THAT(Find("CERTIFICATE_EXPIRED").next, HasSubstr("signet-slurm pre-start"));
}

TEST_F(ExplanationTest, TheBundleOfANodeIsComparedWithTheNewest) {
  EnrolWell();
  struct Row {
    std::string code;
    uint64_t disk;
    std::string sha;
    std::string next;
  };
  for (const Row& row : std::vector<Row>{{"BUNDLE_MISSING", 0, "", "signet-slurm refresh"},
                                         {"BUNDLE_FOREIGN", 0, "x", "signet-slurm refresh"},
                                         {"BUNDLE_AHEAD", 9, "x", "signetctl bundle show"}}) {
    Change([&](store::NodeRow& node) {
      node.disk_generation = row.disk;
      node.disk_sha256 = row.sha;
    });
    EXPECT_EQ(Find(row.code).severity, Severity::kWarning);
    EXPECT_THAT(Find(row.code).next, HasSubstr(row.next)) << row.code;
  }
  Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
    auto newest = tables.bundles().Newest();
    newest->generation = 2;
    return tables.bundles().Insert(*newest);
  }));
  Change([](store::NodeRow& node) { node.disk_generation = 1; });
  EXPECT_THAT(Find("BUNDLE_OLD").cause, AllOf(HasSubstr("generation 1"), HasSubstr("2")));
  Change([](store::NodeRow& node) {
    node.disk_generation = 2;
    node.loaded_generation = 1;
    node.loaded_sha256 = "y";
  });
  EXPECT_FALSE(Has("BUNDLE_OLD"));
  EXPECT_THAT(Find("BUNDLE_NOT_LOADED").next, HasSubstr("restart slurmd"));
}

TEST_F(ExplanationTest, ACloneIsToldForAWeek) {
  EnrolWell();
  Change([this](store::NodeRow& node) { node.clone_suspected_at = world_.clock.Now(); });
  EXPECT_THAT(Find("CLONE_SUSPECTED").next, AllOf(HasSubstr("mv /var/lib/signet-slurm/0/n1 /root"),
                                                  HasSubstr("certmgr_state"), Not(HasSubstr("rm "))));
  world_.clock.Advance(absl::Hours(24 * 7 + 1));
  EXPECT_FALSE(Has("CLONE_SUSPECTED"));
}

TEST_F(ExplanationTest, ATokenThatFlapsBetweenTwoHostsIsSeen) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kReusable);
  for (int boot = 0; boot < 4; ++boot) {
    EXPECT_FALSE(Has("IDENTITIES_FLAP"));
    node_.ForgetEverything();
    ASSERT_EQ(Refused(node_.Ask(&token)), "");
    world_.clock.Advance(absl::Hours(1));
  }
  const Finding flaps = Find("IDENTITIES_FLAP");
  EXPECT_EQ(flaps.severity, Severity::kWarning);
  EXPECT_THAT(flaps.next, HasSubstr("BootTime"));
  world_.clock.Advance(absl::Hours(24));
  EXPECT_FALSE(Has("IDENTITIES_FLAP"));
}

TEST_F(ExplanationTest, AnApprovalWaitsOrIsOver) {
  Approve(node_);
  EXPECT_THAT(Find("APPROVAL_WAITS").cause, HasSubstr(node_.key_id()));
  EXPECT_FALSE(Has("NODE_UNKNOWN"));
  EXPECT_THAT(Explain().approvals, SizeIs(1));
  world_.clock.Advance(absl::Hours(25));
  EXPECT_EQ(Find("APPROVAL_EXPIRED").next, absl::StrCat("signetctl node approve n1 --key ", node_.key_id()));
  EXPECT_THAT(Explain().approvals, IsEmpty());
}

TEST_F(ExplanationTest, TheTwoDaemonsOfAHostAreToldApart) {
  EnrolWell();
  world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  const Finding waits = Find("NOTHING_ARRIVED");
  EXPECT_THAT(waits.cause, HasSubstr("n1 (sackd)"));
  EXPECT_THAT(waits.next, HasSubstr("systemctl status sackd"));
  world_.clock.Advance(absl::Hours(24 * 8));
  EXPECT_EQ(Find(base::kTokenExpired).next, "signetctl token create n1 --daemon sackd --out-dir DIR");
  EXPECT_THAT(Find("CERTIFICATE_EXPIRED").cause, HasSubstr("n1 (slurmd)"));
}

TEST_F(ExplanationTest, ShowsTenTokensAtMostNewestFirst) {
  for (int i = 0; i < 12; ++i) {
    world_.MakeToken("n1");
    world_.clock.Advance(absl::Seconds(1));
  }
  const Explanation explanation = Explain();
  ASSERT_THAT(explanation.tokens, SizeIs(10));
  EXPECT_GT(explanation.tokens[0].created_at, explanation.tokens[9].created_at);
}

TEST_F(ExplanationTest, ANameOfDigitsAloneIsANameToo) {
  world_.MakeToken("007");
  EXPECT_EQ(Find("NODE_UNKNOWN", "7").next, "signetctl node explain 007");
}

TEST_F(ExplanationTest, ABootTokenWaitsLikeAnyOther) {
  world_.MakeToken("n1", TokenKind::kBoot);
  EXPECT_THAT(Find("NOTHING_ARRIVED").cause, HasSubstr("a boot token"));
}

TEST_F(ExplanationTest, ANodeThatWasBlockedAndForgottenSaysWhatEndedItsKey) {
  EnrolWell();
  Block("n1");
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  Unblock("n1");
  EXPECT_THAT(Find(base::kIdentityEnded).cause, HasSubstr("ended by a block"));
}

TEST_F(ExplanationTest, ANodeWhoseCertificateWasRevokedSaysSoUntilATokenWaits) {
  EnrolWell();
  Must(world_.store->Write([&](store::Tables& tables) {
    return tables.nodes().EndIdentities("n1", "", world_.clock.Now(), store::EndedBy::kRevocation).status();
  }));
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(Find(base::kIdentityEnded).cause, AllOf(HasSubstr("ended by a revocation"), HasSubstr("no token")));
  EXPECT_EQ(Find(base::kIdentityEnded).next, "signetctl token create n1 --out-dir DIR");
  world_.MakeToken("n1");
  EXPECT_THAT(Find(base::kIdentityEnded).cause, HasSubstr("token waits"));
}

TEST_F(ExplanationTest, AnEnrolledNodesOldApprovalIsNoFinding) {
  EnrolWell();
  SimulatedNode other("n1", world_.clock);
  Approve(other);
  EXPECT_TRUE(Has("APPROVAL_WAITS"));
  world_.clock.Advance(absl::Hours(25));
  EXPECT_FALSE(Has("APPROVAL_EXPIRED"));
  EXPECT_FALSE(Has("APPROVAL_WAITS"));
}

TEST_F(ExplanationTest, AnExpiredSackdNeedsARestartOnly) {
  const evidence::Token token = world_.MakeToken("login1", TokenKind::kSingleUse, "sackd");
  SimulatedNode login("login1", world_.clock, "sackd");
  ASSERT_EQ(Refused(login.Ask(&token)), "");
  world_.clock.Advance(absl::Hours(24 * 8));
  EXPECT_EQ(Find("CERTIFICATE_EXPIRED", "login1").next, "on login1: systemctl restart sackd");
}

TEST_F(ExplanationTest, ARowWithoutACertificateIsNotAnExpiredOne) {
  EnrolWell();
  Change([](store::NodeRow& row) { row.serial.clear(); });
  world_.clock.Advance(absl::Hours(24 * 8));
  EXPECT_FALSE(Has("CERTIFICATE_EXPIRED"));
}

TEST_F(ExplanationTest, ABundleThatIsLoadedIsNoFinding) {
  EnrolWell();
  Change([](store::NodeRow& row) {
    row.loaded_generation = 1;
    row.loaded_sha256 = row.disk_sha256;
  });
  EXPECT_EQ(Explain().findings.front().code, "OK");
}

}  // namespace
}  // namespace signet::enrollment
