// Keys that ended, and signs of a second host, each through the whole of NodeCertificates::Sign over the real store.
#include "services/enrollment/ledger_rules.h"

#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LedgerRules : public EnrollmentTest {
 protected:
  absl::Time SuspectedAt() { return world_.Node("n1").clone_suspected_at; }
  std::string LastRecord() { return world_.AuditRows().back().bytes; }
  // A renewal that must succeed, a second later.
  void Renew(SimulatedNode& node) {
    ASSERT_EQ(Refused(node.Ask()), "");
    world_.clock.Advance(absl::Seconds(1));
  }
};

TEST_F(LedgerRules, AKeyThatABlockEndedIsToldWhenAndBothCommands) {
  Enrol();
  const std::string at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", world_.clock.Now(), absl::UTCTimeZone());
  Block("n1");
  const absl::Status refused = Sign(node_.Ask()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityEnded);
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr(at), HasSubstr("node block"), HasSubstr("a new token file")));
  EXPECT_EQ(base::NextOf(refused), "signetctl node unblock n1, then signetctl token create n1 --out-dir DIR");
  Unblock("n1");
  EXPECT_EQ(base::NextOf(Sign(node_.Ask()).status()), "signetctl token create n1 --out-dir DIR");
}

TEST_F(LedgerRules, AKeyThatForgetEndedIsToldSo) {
  Enrol();
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  const absl::Status refused = Sign(node_.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityEnded);
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("node forget"), Not(HasSubstr("block"))));
  EXPECT_EQ(base::NextOf(refused), "signetctl token create n1 --out-dir DIR");
}

TEST_F(LedgerRules, AKeyThatARevocationEndedIsToldSo) {
  Enrol();
  Must(world_.store->Write([&](store::Tables& tables) {
    return tables.nodes().EndIdentities("n1", "slurmd", world_.clock.Now(), store::EndedBy::kRevocation).status();
  }));
  const absl::Status refused = Sign(node_.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityEnded);
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("signetctl cert revoke"), Not(HasSubstr("block"))));
  EXPECT_EQ(base::NextOf(refused), "signetctl token create n1 --out-dir DIR");
}

TEST_F(LedgerRules, AStolenKeyDoesNotComeToLifeWithANewTokenAfterTheBlock) {
  Enrol();
  SimulatedNode thief = node_;
  Block("n1");
  Unblock("n1");
  const evidence::Token token = world_.MakeToken("n1");
  const absl::Status refused = Sign(thief.Ask(&token)).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityEnded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no token brings it back"));
  node_.ForgetEverything();
  EXPECT_EQ(Refused(node_.Ask(&token)), "") << "the thief's try used nothing up";
  EXPECT_EQ(Refused(thief.Ask()), base::kIdentityEnded);
}

TEST_F(LedgerRules, ASupersededKeyIsToldWhatHeals) {
  Enrol();
  SimulatedNode old = node_;
  node_.ForgetEverything();
  Enrol();
  const evidence::Token token = world_.MakeToken("n1");
  for (const evidence::Token* shown : {static_cast<const evidence::Token*>(nullptr), &token}) {
    const absl::Status refused = Sign(old.Ask(shown)).status();
    EXPECT_EQ(base::ReasonOf(refused), base::kIdentitySuperseded);
    EXPECT_TRUE(base::IsProven(refused));
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr("a new token file"), HasSubstr("2026-01-01T00:00:01Z")));
    EXPECT_THAT(base::NextOf(refused), AllOf(HasSubstr("node show n1"), HasSubstr("token create n1")));
  }
}

TEST_F(LedgerRules, ALiveKeyWithoutItsRowInTheLedgerIsNotAdmitted) {
  Enrol();
  Must(world_.store->Write([](store::Tables& tables) { return tables.nodes().Forget("n1").status(); }));
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentitySuperseded);
}

TEST_F(LedgerRules, ALiveKeyIsNotAdmittedWhereTheLedgerNamesAnother) {
  Enrol();
  store::NodeRow row = world_.Node("n1");
  row.key_id = std::string(32, 'a');
  Must(world_.store->Write([&](store::Tables& tables) { return tables.nodes().Put(row); }));
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentitySuperseded);
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_FALSE(Sign(SimulatedNode("n1", world_.clock).Ask(&token)).ok()) << "whose key is live cannot be told";
}

TEST_F(LedgerRules, AStoredTokenOrKeyThatMakesNoSenseAdmitsNobody) {
  const auto change = [&](const evidence::Token& token, const std::function<void(store::TokenRow&)>& how) {
    Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
      auto row = tables.tokens().Find(token.id());
      how(*row);
      return tables.tokens().Update(*row);
    }));
  };
  const evidence::Token token = world_.MakeToken("n1");
  change(token, [](store::TokenRow& row) { row.kind = 99; });
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kInternal);
  change(token, [](store::TokenRow& row) { row.spki_der = "garbage"; });
  EXPECT_NE(Refused(node_.Ask(&token)), "");
  EXPECT_TRUE(world_.Certificates("n1").empty());

  store::IdentityRow odd;
  odd.key_id = std::string(32, 'a');
  odd.node = "n1";
  odd.daemon = "slurmd";
  odd.evidence = 99;
  odd.admitted_at = world_.clock.Now();
  store::NodeRow row;
  row.name = "n1";
  row.daemon = "slurmd";
  row.key_id = odd.key_id;
  const evidence::Token good = world_.MakeToken("n1");
  Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
    const absl::Status inserted = tables.nodes().InsertIdentity(odd);
    return inserted.ok() ? tables.nodes().Put(row) : inserted;
  }));
  EXPECT_EQ(Refused(node_.Ask(&good)), base::kInternal) << "not weaker than what nobody knows";
}

TEST_F(LedgerRules, AKeyIdThatIsNotTheStoredKeysIsInvalidEvidence) {
  Enrol();
  SimulatedNode other("n1", world_.clock);
  store::IdentityRow row;
  row.key_id = other.key_id();
  row.node = "n1";
  row.daemon = "slurmd";
  row.spki_der = node_.identity().public_key().spki_der();
  row.evidence = 1;
  Must(world_.store->Write([&](store::Tables& tables) { return tables.nodes().InsertIdentity(row); }));
  const absl::Status refused = Sign(other.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kEvidenceInvalid);
  EXPECT_FALSE(base::IsProven(refused));
}

TEST_F(LedgerRules, OnlyWhoProvedToBeTheNodeLearnsThatItIsBlocked) {
  const evidence::Token token = world_.MakeToken("n1");
  InsertBlock("n1");
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityUnknown);
  const evidence::Token forged{"alpha", "n1", "slurmd", TokenKind::kBoot, SimulatedNode::NewKey(), ""};
  EXPECT_EQ(Refused(node_.Ask(&forged)), base::kTokenUnknown);
  const absl::Status refused = Sign(node_.Ask(&token)).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kNodeBlocked);
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_THAT(base::NextOf(refused), AllOf(HasSubstr("node show n1"), HasSubstr("node unblock n1")));
}

TEST_F(LedgerRules, ABlockStopsALiveKeyAndItsStoredAnswer) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  ASSERT_EQ(Refused(request), "");
  InsertBlock("n1");
  EXPECT_EQ(Refused(request), base::kNodeBlocked);
  EXPECT_EQ(Refused(node_.Ask()), base::kNodeBlocked);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(LedgerRules, RebootsAreNoSignOfAClone) {
  Enrol();
  for (int boot = 2; boot < 12; ++boot) {
    node_.boot_id = SimulatedNode::BootId(boot);
    Renew(node_);
    Renew(node_);
    EXPECT_THAT(world_.Node("n1").previous_boot_id, StartsWith(SimulatedNode::BootId(boot - 1)));
  }
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
  EXPECT_THAT(LastRecord(), Not(HasSubstr("clone_suspected")));
  EXPECT_EQ(world_.Node("n1").previous_boot_id.size(), 8U * 36 + 7);
}

TEST_F(LedgerRules, ThreeHostsThatTakeTurnsAreFlaggedToo) {
  Enrol();
  for (const int boot : {2, 3}) {
    node_.boot_id = SimulatedNode::BootId(boot);
    Renew(node_);
    EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
  }
  node_.boot_id = SimulatedNode::BootId(1);
  const absl::Time first = world_.clock.Now();
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), first);
}

TEST_F(LedgerRules, TwoBootIdsThatTakeTurnsAreFlaggedAndAdmitted) {
  Enrol();
  node_.boot_id = SimulatedNode::BootId(2);
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
  node_.boot_id = SimulatedNode::BootId(1);
  const absl::Time first = world_.clock.Now();
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), first);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("clone_suspected"), HasSubstr("two boot ids take turns")));
  node_.boot_id = SimulatedNode::BootId(2);
  const absl::Time second = world_.clock.Now();
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), second);
}

TEST_F(LedgerRules, AnotherMachineIdUnderOneKeyIsFlaggedAndStaysFlagged) {
  Enrol();
  node_.machine_id_sha256 = std::string(32, 'x');
  const absl::Time when = world_.clock.Now();
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), when);
  EXPECT_THAT(LastRecord(), AllOf(HasSubstr("clone_suspected"), HasSubstr("another machine id")));
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), when) << "the last sign, not the last request";
  EXPECT_THAT(LastRecord(), Not(HasSubstr("clone_suspected")));
}

TEST_F(LedgerRules, ANodeThatDoesNotTellItsMachineIdIsNotSuspected) {
  Enrol();
  node_.machine_id_sha256.clear();
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
  EXPECT_EQ(world_.Node("n1").machine_id_sha256, std::string(32, 'm'));
}

TEST_F(LedgerRules, TheFirstMachineIdEverToldIsNoSignOfAClone) {
  node_.machine_id_sha256.clear();
  Enrol();
  node_.machine_id_sha256 = std::string(32, 'x');
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
}

TEST_F(LedgerRules, ANewIdentityClearsTheSuspicionAndTheBootHistory) {
  Enrol();
  node_.boot_id = SimulatedNode::BootId(2);
  node_.machine_id_sha256 = std::string(32, 'x');
  Renew(node_);
  ASSERT_NE(SuspectedAt(), absl::InfinitePast());
  node_.ForgetEverything();
  Enrol();
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast());
  EXPECT_EQ(world_.Node("n1").previous_boot_id, "");
  node_.boot_id = SimulatedNode::BootId(1);
  Renew(node_);
  EXPECT_EQ(SuspectedAt(), absl::InfinitePast()) << "the boots of the old key are not the new one's";
}

TEST_F(LedgerRules, ARepeatTellsNothingNewAndFlagsNothing) {
  Enrol();
  const NodeRequest request = node_.Ask();
  ASSERT_EQ(Refused(request), "");
  const store::NodeRow before = world_.Node("n1");
  const int writes = world_.store->writes();
  ASSERT_EQ(Refused(request), "");
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(world_.Node("n1").last_request_at, before.last_request_at);
}

TEST_F(LedgerRules, RefusalsAfterTheProofAreMarkedAndOthersAreNot) {
  Enrol();
  EXPECT_EQ(RefusedProven(Altered([](evidence::Statement& s) { s.seq -= 5000; })), base::kSequenceRegressed);
  const absl::Status wrong_node = Sign(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")).status();
  EXPECT_FALSE(base::IsProven(wrong_node));
  const absl::Status wrong_daemon = Sign(Altered([](evidence::Statement& s) { s.daemon = "sackd"; })).status();
  EXPECT_EQ(base::ReasonOf(wrong_daemon), base::kWrongDaemon);
  EXPECT_FALSE(base::IsProven(wrong_daemon));

  const evidence::Token expired = world_.MakeToken("n2", TokenKind::kSingleUse, "slurmd", absl::Seconds(1));
  const evidence::Token revoked = world_.MakeToken("n2");
  Must(world_.tokens->Revoke({revoked.id()}, {}, "", world_.origin));
  const evidence::Token sackds = world_.MakeToken("n2", TokenKind::kSingleUse, "sackd");
  world_.clock.Advance(absl::Seconds(1));
  SimulatedNode other("n2", world_.clock);
  EXPECT_FALSE(base::IsProven(Sign(other.Ask()).status()));
  EXPECT_EQ(RefusedProven(other.Ask(&expired)), base::kTokenExpired);
  EXPECT_EQ(RefusedProven(other.Ask(&revoked)), base::kTokenRevoked);
  EXPECT_FALSE(base::IsProven(Sign(other.Ask(&sackds)).status()));
}

}  // namespace
}  // namespace signet::enrollment
