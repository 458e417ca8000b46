// Rules of the ledger, each through the whole of NodeCertificates::Sign over the real store.
#include "services/enrollment/gatekeeper.h"

#include "services/enrollment/ledger_rules.h"
#include "signet/v1/statement.pb.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Gatekeeping : public EnrollmentTest {};

TEST_F(Gatekeeping, ATokenEnrolsAndTheIdentityKeyRenewsWithoutIt) {
  Enrol();
  const store::NodeRow enrolled = world_.Node("n1");
  EXPECT_EQ(Refused(node_.Ask()), "");
  const store::NodeRow renewed = world_.Node("n1");
  EXPECT_EQ(renewed.key_id, node_.identity().public_key().key_id());
  EXPECT_EQ(renewed.enrolled_at, enrolled.enrolled_at);
  EXPECT_GT(renewed.seq, enrolled.seq);
  EXPECT_NE(renewed.serial, enrolled.serial);
}

TEST_F(Gatekeeping, AnUnknownKeyWithoutATokenIsToldHowToGetOne) {
  const auto refused = Sign(node_.Ask());
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kIdentityUnknown);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(node_.key_id()));
  EXPECT_THAT(base::NextOf(refused.status()), StartsWith("signetctl token create n1 "));
  EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("signetctl node approve n1 --key " + node_.key_id() + ")"));
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  SimulatedNode sackd("n1", world_.clock, "sackd");
  EXPECT_THAT(base::NextOf(Sign(sackd.Ask()).status()),
              AllOf(StartsWith("signetctl token create n1 --daemon sackd "),
                    HasSubstr("signetctl node approve n1 --key " + sackd.key_id() + " --daemon sackd")));
}

TEST_F(Gatekeeping, ATokenThatWasNeverCreatedIsUnknown) {
  evidence::Token forged{"alpha", "n1", "slurmd", TokenKind::kSingleUse, SimulatedNode::NewKey(), ""};
  EXPECT_EQ(Refused(node_.Ask(&forged)), base::kTokenUnknown);
}

TEST_F(Gatekeeping, ATokenIdAloneIsWorthNothingWithoutItsKey) {
  const evidence::Token token = world_.MakeToken("n1");
  const keys::PrivateKey tls_key = SimulatedNode::NewKey();
  const keys::PrivateKey guess = SimulatedNode::NewKey();
  evidence::Statement statement = node_.Next(tls_key);
  statement.token_id = token.id();
  v1::SignedStatement forged;
  ASSERT_TRUE(forged.ParseFromString(Must(evidence::Sign(statement, node_.identity(), &token.key))));
  forged.set_token_signature(Must(keys::SignInDomain(guess, keys::kStatementDomain, forged.statement())));
  const std::string csr = Must(keys::SignRequestPem(tls_key, "n1", forged.SerializeAsString()));
  const absl::Status refused = world_.node_certificates->Sign(csr, world_.origin).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kEvidenceInvalid);
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
}

TEST_F(Gatekeeping, ATokenOfOneNodeIsNotAnothers) {
  const evidence::Token token = world_.MakeToken("n10");
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kWrongNode);
  const evidence::Token other_case = world_.MakeToken("N1");
  EXPECT_EQ(Refused(node_.Ask(&other_case)), base::kWrongNode);
}

TEST_F(Gatekeeping, ATokenOfSackdDoesNotEnrolSlurmd) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kWrongDaemon);
}

TEST_F(Gatekeeping, SlurmdAndSackdOfOneHostAreTwoEnrolments) {
  Enrol();
  SimulatedNode sackd("n1", world_.clock, "sackd");
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "sackd");
  EXPECT_EQ(Refused(sackd.Ask(&token)), "");
  EXPECT_EQ(Refused(node_.Ask()), "");
  EXPECT_EQ(Refused(sackd.Ask()), "");
}

TEST_F(Gatekeeping, ATokenExpiredByOneMillisecondIsExpired) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "slurmd", absl::Hours(1));
  world_.clock.Advance(absl::Hours(1));
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kTokenExpired);
  world_.clock.Advance(-absl::Milliseconds(1));
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
}

TEST_F(Gatekeeping, ARevokedTokenIsRevoked) {
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Must(world_.tokens->Revoke({token.id()}, {}, "", world_.origin)), 1);
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kTokenRevoked);
}

TEST_F(Gatekeeping, ASingleUseTokenAdmitsOneKeyAndNamesBothWaysOut) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kLab}) {
    const std::string name = kind == TokenKind::kLab ? "n2" : "n1";
    const evidence::Token token = world_.MakeToken(name, kind);
    SimulatedNode first(name, world_.clock);
    SimulatedNode second(name, world_.clock);
    EXPECT_EQ(Refused(first.Ask(&token)), "");
    const auto refused = Sign(second.Ask(&token));
    EXPECT_EQ(base::ReasonOf(refused.status()), base::kTokenUsed);
    EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("signetctl token create " + name));
    EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("--reusable"));
    EXPECT_EQ(Refused(first.Ask(&token)), "") << "the key that won goes on, token or not";
  }
}

TEST_F(Gatekeeping, ASingleUseTokenAdmitsItsOwnKeyAgainAfterTheLedgerWasLost) {
  const evidence::Token token = world_.MakeToken("n1");
  const auto use = [&](store::Tables& tables) -> absl::Status {
    auto row = tables.tokens().Find(token.id());
    row->uses = 1;
    row->used_by_key_id = node_.identity().public_key().key_id();
    return tables.tokens().Update(*row);
  };
  Must(world_.store->Write(use));
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
}

TEST_F(Gatekeeping, AReusableTokenCarriesAStatelessNodeThroughBootsAndEndsTheOldKey) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kReusable);
  SimulatedNode before = node_;
  for (int boot = 0; boot < 3; ++boot) {
    EXPECT_EQ(Refused(node_.Ask(&token)), "") << boot;
    world_.clock.Advance(absl::Minutes(10));
    before = node_;
    node_.ForgetEverything();
  }
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  const auto refused = Sign(before.Ask(&token));
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kIdentitySuperseded);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("two hosts share this name"));
}

TEST_F(Gatekeeping, NewKeysOfAReusableOrBootTokenAreLimitedPerHour) {
  for (const TokenKind kind : {TokenKind::kReusable, TokenKind::kBoot}) {
    const std::string name = kind == TokenKind::kBoot ? "n2" : "n1";
    const evidence::Token token = world_.MakeToken(name, kind);
    SimulatedNode node(name, world_.clock);
    for (int boot = 0; boot < kMostNewKeysPerHour; ++boot) {
      EXPECT_EQ(Refused(node.Ask(&token)), "");
      world_.clock.Advance(absl::Minutes(1));
      node.ForgetEverything();
    }
    EXPECT_EQ(Refused(node.Ask(&token)), base::kTooManyNewKeys);
    world_.clock.Advance(absl::Hours(1));
    EXPECT_EQ(Refused(node.Ask(&token)), "");
  }
}

TEST_F(Gatekeeping, AKeyOfOneNodeSpeaksForNoOther) {
  Enrol();
  const NodeRequest request = Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2");
  EXPECT_EQ(Refused(request), base::kWrongNode);
  const NodeRequest sackd = Altered([](evidence::Statement& s) { s.daemon = "sackd"; });
  EXPECT_EQ(Refused(sackd), base::kWrongDaemon);
}

TEST_F(Gatekeeping, AReimagedNodeWithANewerTokenSupersedesTheOldKeyAtOnce) {
  Enrol();
  SimulatedNode old = node_;
  node_.ForgetEverything();
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(Refused(old.Ask()), base::kIdentitySuperseded);
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(Gatekeeping, ASupersededKeyDoesNotComeBackWithATokenEither) {
  Enrol();
  SimulatedNode old = node_;
  node_.ForgetEverything();
  const evidence::Token first = world_.MakeToken("n1");
  ASSERT_EQ(Refused(node_.Ask(&first)), "");
  world_.clock.Advance(absl::Seconds(1));
  const evidence::Token second = world_.MakeToken("n1");
  EXPECT_EQ(Refused(old.Ask(&second)), base::kIdentitySuperseded);
}

TEST_F(Gatekeeping, AnOlderWeakerTokenNeverReplacesStrongerEvidence) {
  const evidence::Token reusable = world_.MakeToken("n1", TokenKind::kReusable);
  const evidence::Token lab = world_.MakeToken("n1", TokenKind::kLab);
  world_.clock.Advance(absl::Seconds(1));
  Enrol(TokenKind::kSingleUse);
  node_.ForgetEverything();
  EXPECT_EQ(Refused(node_.Ask(&reusable)), base::kWeakerEvidence);
  EXPECT_EQ(Refused(node_.Ask(&lab)), base::kWeakerEvidence);
  EXPECT_EQ(Refused(node_.Ask(&lab)), base::kWeakerEvidence) << "a refusal uses nothing up";
}

TEST_F(Gatekeeping, AWeakerTokenMadeAfterTheEnrolmentIsAnAdminsAct) {
  Enrol(TokenKind::kBoot);
  node_.ForgetEverything();
  const evidence::Token lab = world_.MakeToken("n1", TokenKind::kLab);
  EXPECT_EQ(Refused(node_.Ask(&lab)), "");
}

TEST_F(Gatekeeping, AForgottenOlderTokenDoesNotTakeOverANodeThatEnrolledSince) {
  for (const TokenKind held : {TokenKind::kLab, TokenKind::kReusable, TokenKind::kSingleUse, TokenKind::kBoot}) {
    const evidence::Token boot = world_.MakeToken("n1", TokenKind::kBoot);
    world_.clock.Advance(absl::Seconds(1));
    Enrol(held);
    world_.clock.Advance(absl::Hours(1));
    node_.ForgetEverything();
    EXPECT_EQ(Refused(node_.Ask(&boot)), base::kTokenSuperseded);
  }
}

TEST_F(Gatekeeping, ImagesOfOneNodeMayCarryDifferentReusableTokens) {
  const evidence::Token older = world_.MakeToken("n1", TokenKind::kReusable);
  world_.clock.Advance(absl::Seconds(1));
  Enrol(TokenKind::kReusable);
  node_.ForgetEverything();
  EXPECT_EQ(Refused(node_.Ask(&older)), "");
}

TEST_F(Gatekeeping, TheSameRequestAgainGetsTheStoredAnswerAndWritesNothing) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const Signed first = Must(Sign(request));
  EXPECT_FALSE(first.repeated);
  const int writes = world_.store->writes();
  const std::size_t audited = world_.AuditRows().size();
  for (int i = 0; i < 3; ++i) {
    const Signed again = Must(Sign(request));
    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.issued.serial, first.issued.serial);
  }
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(Gatekeeping, ACapturedOlderCsrGetsItsOldAnswerAndNothingNew) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest captured = node_.Ask(&token);
  const Signed first = Must(Sign(captured));
  world_.clock.Advance(absl::Hours(24));
  ASSERT_EQ(Refused(node_.Ask()), "");
  const Signed replayed = Must(Sign(captured));
  EXPECT_TRUE(replayed.repeated);
  EXPECT_EQ(replayed.issued.serial, first.issued.serial);
  EXPECT_EQ(world_.Certificates("n1").size(), 2U);
  world_.clock.Advance(absl::Hours(24 * 5) + absl::Minutes(1));
  EXPECT_FALSE(Sign(captured).ok()) << "an old answer that is worth nothing any more is not replaced";
  EXPECT_EQ(world_.Certificates("n1").size(), 2U);
}

TEST_F(Gatekeeping, TheSameSequenceNumberWithAnotherKeyIsASuspectedClone) {
  Enrol();
  SimulatedNode clone = node_;
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_EQ(Refused(node_.Ask()), "");
  const auto refused = Sign(clone.Ask());
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kSequenceRegressed);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("clone suspected"));
}

TEST_F(Gatekeeping, ALowerSequenceNumberWithAnotherKeyIsASuspectedClone) {
  Enrol();
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.seq -= 5000; })), base::kSequenceRegressed);
}

TEST_F(Gatekeeping, ATlsKeyThatAnotherNodeCarriesIsRefused) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest first = node_.Ask(&token);
  ASSERT_EQ(Refused(first), "");
  SimulatedNode other("n2", world_.clock);
  const evidence::Token other_token = world_.MakeToken("n2");
  EXPECT_EQ(Refused(other.Request(other.Next(first.tls_key), first.tls_key, &other_token, "n2")), base::kKeyRefused);
}

TEST_F(Gatekeeping, ANodesOwnTlsKeyMayServeItAgain) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest first = node_.Ask(&token);
  ASSERT_EQ(Refused(first), "");
  EXPECT_EQ(Refused(node_.Request(node_.Next(first.tls_key), first.tls_key, nullptr, "n1")), "");
}

TEST_F(Gatekeeping, ATlsKeyThatAServiceCarriesIsRefused) {
  const keys::PrivateKey services = SimulatedNode::NewKey();
  store::CertificateRow row;
  row.serial = "51";
  row.profile = store::Profile::kService;
  row.subject = "n1";
  row.spki_sha256 = services.public_key().spki_sha256();
  Must(world_.store->Write([&](store::Tables& tables) { return tables.certificates().Insert(row); }));
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Request(node_.Next(services), services, &token, "n1")), base::kKeyRefused);
}

TEST_F(Gatekeeping, TheIdentityKeyIsNoTlsKey) {
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Request(node_.Next(node_.identity()), node_.identity(), &token, "n1")), base::kKeyRefused);
}

TEST_F(Gatekeeping, AnotherClustersEvidenceIsRefused) {
  const evidence::Token token = world_.MakeToken("n1");
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.cluster = "beta"; }, &token)), base::kWrongCluster);
}

TEST_F(Gatekeeping, EvidenceIsBoundToItsCsrsKeyAndName) {
  const evidence::Token token = world_.MakeToken("n1");
  const keys::PrivateKey own = SimulatedNode::NewKey();
  const keys::PrivateKey thiefs = SimulatedNode::NewKey();
  const evidence::Statement statement = node_.Next(own);
  EXPECT_EQ(Refused(node_.Request(statement, thiefs, &token, "n1")), base::kEvidenceInvalid);
  EXPECT_EQ(Refused(node_.Request(statement, own, &token, "n2")), base::kWrongNode);
  EXPECT_EQ(Refused(node_.Request(statement, own, &token, "slurmctld")), base::kNameRefused);
  EXPECT_EQ(Refused(node_.Request(statement, own, &token, "n1")), "");
}

TEST_F(Gatekeeping, TimesAreJudgedByTheServersClockWithFiveMinutesOfSkew) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  world_.clock.Advance(-evidence::kClockSkew - absl::Seconds(1));
  EXPECT_EQ(Refused(request), base::kEvidenceFromFuture);
  world_.clock.Advance(evidence::kClockSkew + absl::Seconds(1) + evidence::kStatementLifetime + absl::Seconds(1));
  EXPECT_EQ(Refused(request), base::kEvidenceExpired);
  world_.clock.Advance(-evidence::kStatementLifetime - absl::Seconds(1));
  EXPECT_EQ(Refused(request), "");
}

TEST_F(Gatekeeping, WhatTheNodeReportsOfItsBundleIsKept) {
  const evidence::Token token = world_.MakeToken("n1");
  ASSERT_EQ(Refused(Altered([](evidence::Statement& s) { s.bundle_on_disk = {1, std::string(32, 'd')}; }, &token)), "");
  EXPECT_EQ(world_.Node("n1").disk_generation, 1U);
  EXPECT_EQ(world_.Node("n1").loaded_generation, 0U);
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_EQ(Refused(Altered([](evidence::Statement& s) {
              s.bundle_on_disk = s.bundle_loaded = {1, std::string(32, 'd')};
              s.loaded_seen_at_renewal = true;
            })),
            "");
  EXPECT_EQ(world_.Node("n1").loaded_generation, 1U);
  EXPECT_EQ(world_.Node("n1").loaded_sha256, std::string(32, 'd'));
}

TEST_F(Gatekeeping, WhatWasLoadedIsForgottenUnlessTheProcessMayGoOn) {
  const evidence::Token token = world_.MakeToken("n1");
  const std::string first(32, 'd');
  const std::string second(32, 'e');
  const auto ask = [&](const std::string& disk, bool claims, const evidence::Token* by = nullptr) {
    world_.clock.Advance(absl::Seconds(1));
    EXPECT_EQ(Refused(Altered(
                  [&](evidence::Statement& s) {
                    s.bundle_on_disk = {1, disk};
                    if (claims) s.bundle_loaded = s.bundle_on_disk;
                    s.loaded_seen_at_renewal = claims;
                  },
                  by)),
              "");
    return world_.Node("n1").loaded_sha256;
  };
  EXPECT_EQ(ask(first, false, &token), "");
  EXPECT_EQ(ask(first, true), first);
  EXPECT_EQ(ask(second, false), first) << "the file changed under a process that may go on";
  EXPECT_EQ(ask(second, false), "") << "the same process would have claimed";
  EXPECT_EQ(world_.Node("n1").loaded_generation, 0U);
  EXPECT_EQ(ask(second, true), second);
  node_.boot_id = testing::SimulatedNode::BootId(7);
  EXPECT_EQ(ask(first, false), "") << "a boot is a new process";
}

}  // namespace
}  // namespace signet::enrollment
