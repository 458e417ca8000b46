// What admits an identity key that the ledger does not know, each through the whole of NodeCertificates::Sign.
#include "services/enrollment/new_key_rules.h"

#include "absl/strings/str_cat.h"
#include "services/enrollment/evidence_kind.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::FakePodReviewer;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::signet::testing::SlurmdPod;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Approving : public EnrollmentTest {
 protected:
  bool HasApproval(const std::string& key_id) {
    return world_.Read([&](const store::Tables& tables) { return tables.approvals().Find(key_id); }).ok();
  }
};

TEST_F(Approving, AnApprovedKeyEnrolsOnceAndThenRenewsByItself) {
  Approve(node_);
  const NodeRequest request = node_.Ask();
  EXPECT_TRUE(world_.node_certificates->Validate("n1", request.script_token).ok());
  EXPECT_EQ(Refused(request), "");
  EXPECT_FALSE(HasApproval(node_.key_id())) << "used up in the same transaction";
  const store::IdentityRow identity = Identity(node_.key_id());
  EXPECT_EQ(identity.evidence, static_cast<int>(EvidenceKind::kApproval));
  EXPECT_EQ(identity.token_id, "");
  EXPECT_THAT(world_.AuditRows().back().bytes,
              AllOf(HasSubstr("approval"), HasSubstr("approved_by"), HasSubstr("socket:admin")));
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(Approving, AnApprovalThatCouldNotBeRecordedIsNotUsedUp) {
  Approve(node_);
  const NodeRequest request = node_.Ask();
  world_.store->FailCommits(1);
  EXPECT_EQ(Refused(request), base::kStoreUnavailable);
  EXPECT_TRUE(HasApproval(node_.key_id()));
  EXPECT_EQ(Refused(request), "");
}

TEST_F(Approving, AnotherKeyGainsNothingFromIt) {
  Approve(node_);
  SimulatedNode other("n1", world_.clock);
  EXPECT_EQ(Refused(other.Ask()), base::kIdentityUnknown);
}

TEST_F(Approving, AnApprovalIsForOneNodeAndOneDaemon) {
  Approve(node_);
  const absl::Status node = Sign(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")).status();
  EXPECT_EQ(base::ReasonOf(node), base::kWrongNode);
  EXPECT_FALSE(base::IsProven(node));
  EXPECT_EQ(base::NextOf(node), "signetctl node approve n2 --key " + node_.key_id());
  const absl::Status daemon = Sign(Altered([](evidence::Statement& s) { s.daemon = "sackd"; })).status();
  EXPECT_EQ(base::ReasonOf(daemon), base::kWrongDaemon);
  EXPECT_FALSE(base::IsProven(daemon));
  EXPECT_TRUE(HasApproval(node_.key_id()));
}

TEST_F(Approving, AnApprovalOfAnotherNodeIsNotOverruledByAToken) {
  Approve(node_);
  const evidence::Token token = world_.MakeToken("n2");
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.node = "n2"; }, &token, "n2")), base::kWrongNode);
}

TEST_F(Approving, AnExpiredApprovalSaysSoAndHowToRenewIt) {
  Must(world_.node_life->Approve("n1", "slurmd", node_.key_id(), absl::Hours(1), world_.origin));
  world_.clock.Advance(absl::Hours(1));
  const absl::Status refused = Sign(node_.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityUnknown);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("approval"), HasSubstr("expired at 2026-01-01T01:00:00Z")));
  EXPECT_EQ(base::NextOf(refused), "signetctl node approve n1 --key " + node_.key_id());
  EXPECT_FALSE(base::IsProven(refused));
  world_.clock.Advance(-absl::Milliseconds(1));
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(Approving, AnExpiredApprovalDoesNotStandInTheWayOfAToken) {
  Must(world_.node_life->Approve("n1", "slurmd", node_.key_id(), absl::Hours(1), world_.origin));
  world_.clock.Advance(absl::Hours(2));
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(Identity(node_.key_id()).evidence, static_cast<int>(EvidenceKind::kSingleUse));
  EXPECT_FALSE(HasApproval(node_.key_id())) << "the key came";
}

TEST_F(Approving, ALiveApprovalComesBeforeTheTokenWhichStaysUnused) {
  const evidence::Token token = world_.MakeToken("n1");
  Approve(node_);
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(Identity(node_.key_id()).evidence, static_cast<int>(EvidenceKind::kApproval));
  EXPECT_EQ(Must(world_.Read([&](const store::Tables& tables) { return tables.tokens().Find(token.id()); })).uses, 0);
}

TEST_F(Approving, AnApprovalOlderThanTheLiveEnrolmentDoesNotTakeTheNodeOver) {
  SimulatedNode late("n1", world_.clock);
  Approve(late);
  world_.clock.Advance(absl::Seconds(1));
  Enrol(TokenKind::kLab);
  const absl::Status refused = Sign(late.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kTokenSuperseded);
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("after this approval was made"));
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(Approving, ANewerApprovalSupersedesWhateverTheNodeHolds) {
  Enrol(TokenKind::kBoot);
  SimulatedNode next("n1", world_.clock);
  Approve(next);
  EXPECT_EQ(Refused(next.Ask()), "");
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentitySuperseded);
}

TEST_F(Approving, AnyNewerTokenFollowsAnApproval) {
  Approve(node_);
  ASSERT_EQ(Refused(node_.Ask()), "");
  world_.clock.Advance(absl::Seconds(1));
  node_.ForgetEverything();
  const evidence::Token lab = world_.MakeToken("n1", TokenKind::kLab);
  EXPECT_EQ(Refused(node_.Ask(&lab)), "");
}

TEST_F(Approving, AnOlderTokenDoesNotFollowAnApproval) {
  const evidence::Token boot = world_.MakeToken("n1", TokenKind::kBoot);
  world_.clock.Advance(absl::Seconds(1));
  Approve(node_);
  ASSERT_EQ(Refused(node_.Ask()), "");
  node_.ForgetEverything();
  EXPECT_EQ(Refused(node_.Ask(&boot)), base::kTokenSuperseded);
}

TEST_F(Approving, ABlockRefusesAnApprovalToo) {
  Approve(node_);
  InsertBlock("n1");
  EXPECT_EQ(RefusedProven(node_.Ask()), base::kNodeBlocked);
  EXPECT_TRUE(HasApproval(node_.key_id()));
}

TEST_F(Approving, AnApprovedKeysTlsKeyMustBeFreeToo) {
  Enrol();
  SimulatedNode other("n2", world_.clock);
  Approve(other);
  const NodeRequest first = node_.Ask();
  ASSERT_EQ(Refused(first), "");
  EXPECT_EQ(RefusedProven(other.Request(other.Next(first.tls_key), first.tls_key, nullptr, "n2")), base::kKeyRefused);
}

class Pods : public EnrollmentTest {
 protected:
  Pods() {
    world_.pods = &kubernetes_;
    world_.Restart();
    node_.kubernetes_token = "jwt-1";
    kubernetes_.Know("jwt-1", SlurmdPod("n1", "uid-1", world_.clock.Now()));
    world_.clock.Advance(absl::Seconds(1));
  }
  // Another pod that is n1, made now.
  SimulatedNode Successor(const std::string& uid) {
    SimulatedNode node("n1", world_.clock);
    node.kubernetes_token = "jwt-of-" + uid;
    kubernetes_.Know(node.kubernetes_token, SlurmdPod("n1", uid, world_.clock.Now()));
    return node;
  }

  FakePodReviewer kubernetes_;
};

TEST_F(Pods, APodEnrolsItsFirstKeyAndIsNamedInTheAuditRecord) {
  const NodeRequest request = node_.Ask();
  EXPECT_TRUE(world_.node_certificates->Validate("n1", request.script_token).ok());
  EXPECT_EQ(Refused(request), "");
  const store::IdentityRow identity = Identity(node_.key_id());
  EXPECT_EQ(identity.evidence, static_cast<int>(EvidenceKind::kKubernetes));
  EXPECT_EQ(identity.pod_uid, "uid-1");
  const std::string record = world_.AuditRows().back().bytes;
  EXPECT_THAT(record, AllOf(HasSubstr("kubernetes"), HasSubstr("slurm/worker-n1"), HasSubstr("uid-1"),
                            HasSubstr("slurm/slurmd"), Not(HasSubstr("jwt-1"))));
}

TEST_F(Pods, AnEnrolledPodRenewsWithoutTheApiBeingAsked) {
  ASSERT_EQ(Refused(node_.Ask()), "");
  const int reviews = kubernetes_.reviews();
  kubernetes_.BeUnavailable(true);
  world_.clock.Advance(absl::Hours(24));
  EXPECT_EQ(Refused(node_.Ask()), "");
  EXPECT_EQ(kubernetes_.reviews(), reviews);
}

TEST_F(Pods, APodIsOneNodeAndNoOther) {
  const absl::Status refused = Sign(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kWrongNode);
  EXPECT_FALSE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("slurm/worker-n1"));
}

TEST_F(Pods, AServiceAccountGrantsOneDaemonAndAControllerIsNoNode) {
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.daemon = "sackd"; })), base::kWrongDaemon);
  for (const char* grants : {"controller", "", "Slurmd"}) {
    enrollment::ReviewedPod pod = SlurmdPod("n1", "uid-9", world_.clock.Now());
    pod.grants = grants;
    kubernetes_.Know("jwt-1", pod);
    const absl::Status refused = Sign(node_.Ask()).status();
    EXPECT_EQ(base::ReasonOf(refused), base::kWrongDaemon) << grants;
    EXPECT_FALSE(base::IsProven(refused));
  }
  enrollment::ReviewedPod controller = SlurmdPod("", "uid-9", world_.clock.Now());
  controller.grants = "controller";
  kubernetes_.Know("jwt-1", controller);
  EXPECT_EQ(Refused(node_.Ask()), base::kWrongDaemon);
}

TEST_F(Pods, APodWithoutAUidOwnsNothing) {
  kubernetes_.Know("jwt-1", SlurmdPod("n1", "", world_.clock.Now()));
  EXPECT_EQ(Refused(node_.Ask()), base::kPodRefused);
}

TEST_F(Pods, ATokenReadOnTheControllerIsWorthlessOnceThePodHasItsKey) {
  ASSERT_EQ(Refused(node_.Ask()), "");
  world_.clock.Advance(absl::Seconds(1));
  SimulatedNode thief("n1", world_.clock);
  thief.kubernetes_token = "jwt-1";
  const absl::Status refused = Sign(thief.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kPodHasKey);
  EXPECT_FALSE(base::IsProven(refused));
  EXPECT_THAT(base::NextOf(refused), HasSubstr("kubectl -n slurm delete pod worker-n1"));
  EXPECT_EQ(Refused(node_.Ask()), "") << "the pod itself goes on";
}

TEST_F(Pods, APodWhoseKeyEndedGetsNoSecondOne) {
  ASSERT_EQ(Refused(node_.Ask()), "");
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  world_.clock.Advance(absl::Seconds(1));
  node_.ForgetEverything();
  EXPECT_EQ(Refused(node_.Ask()), base::kPodHasKey);
}

TEST_F(Pods, APodThatFollowsEndsTheKeyOfTheOneBefore) {
  ASSERT_EQ(Refused(node_.Ask()), "");
  world_.clock.Advance(absl::Minutes(1));
  SimulatedNode next = Successor("uid-2");
  EXPECT_EQ(Refused(next.Ask()), "");
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentitySuperseded);
}

TEST_F(Pods, AnOlderPodDoesNotTakeOverFromANewerOne) {
  SimulatedNode older = Successor("uid-0");
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_EQ(Refused(node_.Ask()), "");
  EXPECT_EQ(RefusedProven(older.Ask()), base::kTokenSuperseded);
}

TEST_F(Pods, APodOlderThanAStrongerEnrolmentIsWeakerEvidence) {
  SimulatedNode pod = Successor("uid-2");
  world_.clock.Advance(absl::Seconds(1));
  node_.kubernetes_token.clear();
  Enrol(TokenKind::kSingleUse);
  const absl::Status refused = Sign(pod.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kWeakerEvidence);
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("single-use"), HasSubstr("pod (kubernetes)")));
}

TEST_F(Pods, APodNewerThanAStrongerEnrolmentTakesTheNodeOverOnlyOnceItIsForgotten) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kBoot}) {
    node_.ForgetEverything();
    node_.kubernetes_token.clear();
    Enrol(kind);
    SimulatedNode pod = Successor(absl::StrCat("uid-after-", static_cast<int>(kind)));
    world_.clock.Advance(absl::Seconds(1));
    const absl::Status refused = Sign(pod.Ask()).status();
    EXPECT_EQ(base::ReasonOf(refused), base::kWeakerEvidence);
    EXPECT_THAT(base::NextOf(refused), HasSubstr("signetctl node forget n1"));
    EXPECT_EQ(Refused(node_.Ask()), "") << "the node itself goes on";
    Must(world_.node_life->Forget({"n1"}, world_.origin));
    EXPECT_EQ(Refused(pod.Ask()), "");
    world_.clock.Advance(absl::Seconds(1));
  }
}

TEST_F(Pods, APodDoesNotReplaceANodeThatAnAdministratorApproved) {
  node_.ForgetEverything();
  node_.kubernetes_token.clear();
  Must(world_.node_life->Approve("n1", "slurmd", node_.identity().public_key().key_id(), absl::ZeroDuration(),
                                 world_.origin));
  EXPECT_EQ(Refused(node_.Ask()), "");
  SimulatedNode pod = Successor("uid-after-the-approval");
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(base::ReasonOf(Sign(pod.Ask()).status()), base::kWeakerEvidence);
}

TEST_F(Pods, ABlockAndItsLiftingDoNotMakeWayForAPod) {
  node_.kubernetes_token.clear();
  Enrol(TokenKind::kSingleUse);
  Block("n1");
  Unblock("n1");
  SimulatedNode pod = Successor("uid-2");
  EXPECT_EQ(RefusedProven(pod.Ask()), base::kWeakerEvidence);
}

TEST_F(Pods, APodFollowsAReusableTokenThatIsOlder) {
  node_.kubernetes_token.clear();
  Enrol(TokenKind::kReusable);
  SimulatedNode pod = Successor("uid-2");
  EXPECT_EQ(Refused(pod.Ask()), "");
}

TEST_F(Pods, AnOlderReusableTokenDoesNotReplaceAPod) {
  const evidence::Token reusable = world_.MakeToken("n1", TokenKind::kReusable);
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_EQ(Refused(node_.Ask()), "");
  SimulatedNode other("n1", world_.clock);
  EXPECT_EQ(Refused(other.Ask(&reusable)), base::kWeakerEvidence);
}

TEST_F(Pods, AGoodTokenComesFirstAndTheApiIsNotAsked) {
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(kubernetes_.reviews(), 0);
  EXPECT_EQ(Identity(node_.key_id()).pod_uid, "");
}

TEST_F(Pods, WithATokenThatIsNotGoodThePodDecides) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "slurmd", absl::Seconds(1));
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(Identity(node_.key_id()).evidence, static_cast<int>(EvidenceKind::kKubernetes));
  EXPECT_EQ(Must(world_.Read([&](const store::Tables& tables) { return tables.tokens().Find(token.id()); })).uses, 0);
}

TEST_F(Pods, AnApprovedKeyNeedsNoApi) {
  Approve(node_);
  kubernetes_.BeUnavailable(true);
  EXPECT_EQ(Refused(node_.Ask()), "");
  EXPECT_EQ(kubernetes_.reviews(), 0);
}

TEST_F(Pods, ABlockedNodesPodsGetNothing) {
  Block("n1");
  SimulatedNode pod = Successor("uid-2");
  EXPECT_EQ(RefusedProven(pod.Ask()), base::kNodeBlocked);
}

TEST_F(Pods, APodFromBeforeTheBlockDoesNotComeBackWithTheLiftingOfIt) {
  ASSERT_EQ(Refused(node_.Ask()), "");
  SimulatedNode before = Successor("uid-2");
  world_.clock.Advance(absl::Seconds(1));
  Block("n1");
  Unblock("n1");
  const absl::Status refused = Sign(before.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kTokenSuperseded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("blocked"));
  SimulatedNode after = Successor("uid-3");
  EXPECT_EQ(Refused(after.Ask()), "");
}

TEST_F(Pods, WhatHappensWhileKubernetesIsAskedCounts) {
  kubernetes_.Meanwhile([this] { InsertBlock("n1"); });
  EXPECT_EQ(Refused(node_.Ask()), base::kNodeBlocked);
  EXPECT_TRUE(world_.Certificates("n1").empty());
}

TEST_F(Pods, TwoKeysOfOnePodAtOnceAreOneIdentity) {
  SimulatedNode other("n1", world_.clock);
  other.kubernetes_token = "jwt-1";
  const NodeRequest rival = other.Ask();
  bool nested = false;
  std::string inner = "not run";
  kubernetes_.Meanwhile([&] {
    if (nested) return;
    nested = true;
    inner = Refused(rival);
  });
  EXPECT_EQ(Refused(node_.Ask()), base::kPodHasKey);
  EXPECT_EQ(inner, "");
}

}  // namespace
}  // namespace signet::enrollment
