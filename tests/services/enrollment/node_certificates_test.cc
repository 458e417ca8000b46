#include "services/enrollment/node_certificates.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;
using ::testing::Not;

class NodeCertificatesTest : public EnrollmentTest {
 protected:
  // From now on these limits.
  void Limit(const RequestRates& rates) {
    world_.request_rates = rates;
    world_.Restart();
  }
};

TEST_F(NodeCertificatesTest, OfAThousandConcurrentEnrolmentsWithOneTokenExactlyOneKeyWins) {
  constexpr int kThreads = 20;
  constexpr int kEach = 50;
  const evidence::Token token = world_.MakeToken("n1");
  std::vector<std::vector<NodeRequest>> requests(kThreads);
  for (auto& some : requests) {
    for (int i = 0; i < kEach; ++i) some.push_back(SimulatedNode("n1", world_.clock).Ask(&token));
  }
  std::atomic<int> won{0};
  std::atomic<int> used{0};
  std::vector<std::thread> threads;
  for (const auto& some : requests) {
    threads.emplace_back([&] {
      for (const NodeRequest& request : some) {
        const auto answer = Sign(request);
        if (answer.ok()) ++won;
        if (base::ReasonOf(answer.status()) == base::kTokenUsed) ++used;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(used, kThreads * kEach - 1);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
  EXPECT_EQ(Must(world_.audit->Verify(*world_.store)).first_bad_sequence, 0U);
}

TEST_F(NodeCertificatesTest, TheSameRequestSentManyTimesAtOnceGetsOneCertificate) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { answered += Sign(request).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 16);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(NodeCertificatesTest, NothingIsSignedAndNothingChangesWhenTheRecordFails) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const int signatures = world_.custody->signatures();
  const std::size_t audited = world_.AuditRows().size();
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(Sign(request).status()));
  EXPECT_EQ(world_.custody->signatures(), signatures);
  EXPECT_TRUE(world_.Certificates("n1").empty());
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(Refused(request), "") << "the token was not used up";
}

TEST_F(NodeCertificatesTest, ACrashAfterTheRecordIsHealedByTheSameRequestAfterTheRestart) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  world_.custody->SignWrongly(true);
  EXPECT_FALSE(Sign(request).ok());
  EXPECT_FALSE(Sign(request).ok()) << "the signature over the recorded bytes is wrong again";
  ASSERT_EQ(world_.Certificates("n1").size(), 1U);
  ASSERT_TRUE(world_.Certificates("n1")[0].der.empty());
  world_.Restart();
  const Signed healed = Must(Sign(request));
  EXPECT_TRUE(healed.repeated);
  EXPECT_EQ(healed.issued.serial, world_.Certificates("n1")[0].serial);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(NodeCertificatesTest, AnAnswerNoLongerWorthHavingIsReplacedForTheSameKey) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const Signed first = Must(Sign(request));
  world_.clock.Advance(absl::Hours(6 * 24));
  const Signed second = Must(Sign(request));
  EXPECT_FALSE(second.repeated);
  EXPECT_NE(second.issued.serial, first.issued.serial);
  EXPECT_EQ(world_.Node("n1").serial, second.issued.serial);
  const Signed third = Must(Sign(request));
  EXPECT_TRUE(third.repeated);
  EXPECT_EQ(third.issued.serial, second.issued.serial);
}

TEST_F(NodeCertificatesTest, ACsrWithoutAStatementIsRefusedAndToldWhy) {
  const auto refused =
      world_.node_certificates->Sign(Must(keys::SignRequestPem(SimulatedNode::NewKey(), "n1", "")), world_.origin);
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kEvidenceMissing);
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("generate_csr_script"));
}

TEST_F(NodeCertificatesTest, AStatementThatWasChangedAfterSigningIsRefused) {
  const evidence::Token token = world_.MakeToken("n1");
  const keys::PrivateKey tls_key = SimulatedNode::NewKey();
  evidence::Statement statement = node_.Next(tls_key);
  statement.token_id = token.id();
  const std::string bytes = Must(evidence::Sign(statement, node_.identity(), &token.key));
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(world_.node_certificates->Sign(Must(keys::SignRequestPem(tls_key, "n1", changed)), world_.origin).ok())
        << at;
  }
  for (std::size_t length = 1; length < bytes.size(); length += 13) {
    EXPECT_FALSE(world_.node_certificates
                     ->Sign(Must(keys::SignRequestPem(tls_key, "n1", bytes.substr(0, length))), world_.origin)
                     .ok());
  }
  EXPECT_TRUE(world_.Certificates("n1").empty());
}

TEST_F(NodeCertificatesTest, RsaKeysAreRefusedForNodes) {
  const evidence::Token token = world_.MakeToken("n1");
  const keys::PrivateKey rsa = Must(keys::PrivateKey::Generate(x509::KeyType::kRsa));
  EXPECT_EQ(Refused(node_.Request(node_.Next(rsa), rsa, &token, "n1")), base::kKeyRefused);
}

TEST_F(NodeCertificatesTest, WhoHoldsOneNodesKeysGetsNoOthersCertificate) {
  Enrol();
  SimulatedNode victim("n2", world_.clock);
  const evidence::Token token = world_.MakeToken("n2");
  ASSERT_EQ(Refused(victim.Ask(&token)), "");
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")), base::kWrongNode);
  EXPECT_EQ(world_.Certificates("n2").size(), 1U);
}

TEST_F(NodeCertificatesTest, ValidatingChangesNothing) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const int writes = world_.store->writes();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(world_.node_certificates->Validate("n1", request.script_token).ok());
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(Refused(request), "");
  EXPECT_TRUE(world_.node_certificates->Validate("n1", request.script_token).ok()) << "Slurm sends the same pair again";
}

TEST_F(NodeCertificatesTest, ValidateRefusesEveryTokenThatTheDocumentedScriptsLetPass) {
  const evidence::Token token = world_.MakeToken("n1");
  const std::string good = node_.Ask(&token).script_token;
  for (const std::string& bad :
       {std::string(), std::string(" "), std::string("\n"), good.substr(0, good.size() - 1), good.substr(1),
        std::string(".*"), good + " ", " " + good, good + good, std::string(1 << 20, 'a'), std::string("\xff\xfe"),
        good + std::string(1, '\0'), std::string("signet1.")}) {
    EXPECT_FALSE(world_.node_certificates->Validate("n1", bad).ok()) << bad.substr(0, 32);
  }
  EXPECT_TRUE(world_.node_certificates->Validate("n1", good).ok());
}

TEST_F(NodeCertificatesTest, NamesAreComparedExactly) {
  const evidence::Token token = world_.MakeToken("n1");
  const std::string good = node_.Ask(&token).script_token;
  for (const std::string& name :
       {std::string("n10"), std::string("N1"), std::string("n1 "), std::string("n"), std::string(".*"),
        std::string("n1\0x", 4), std::string(), std::string("slurmctld"), std::string(65, 'n')}) {
    EXPECT_FALSE(world_.node_certificates->Validate(name, good).ok()) << name;
  }
}

TEST_F(NodeCertificatesTest, TheAuditRecordSaysWhoGotWhatByWhichEvidence) {
  const evidence::Token token = world_.MakeToken("n1");
  const Signed answer = Must(Sign(node_.Ask(&token)));
  const std::string record = world_.AuditRows().back().bytes;
  for (const std::string& fact :
       {std::string("certificate.sign"), answer.issued.serial, token.id(), node_.identity().public_key().key_id(),
        std::string("single-use"), world_.created.slurm_authority_id, std::string("tbs_sha256")}) {
    EXPECT_THAT(record, HasSubstr(fact));
  }
}

TEST_F(NodeCertificatesTest, ADumpOfTheDatabaseHoldsNoTokensPrivateKey) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kReusable);
  ASSERT_EQ(Refused(node_.Ask(&token)), "");
  const std::string scalar(Must(token.key.ToP256Scalar()).ExposeSecret());
  const std::string identity(Must(node_.identity().ToP256Scalar()).ExposeSecret());
  for (const auto& entry : std::filesystem::directory_iterator(world_.dir.File(""))) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    EXPECT_THAT(content.str(), Not(HasSubstr(scalar))) << entry.path();
    EXPECT_THAT(content.str(), Not(HasSubstr(identity))) << entry.path();
    EXPECT_THAT(content.str(), Not(HasSubstr(world_.kek))) << entry.path();
  }
}

TEST_F(NodeCertificatesTest, WithoutKubernetesAKubernetesTokenIsRefusedAndSaysWhatIsMissing) {
  node_.kubernetes_token = "a-secret-token";
  const absl::Status refused = Sign(node_.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kPodRefused);
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_FALSE(base::IsProven(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("not configured"));
  EXPECT_THAT(base::NextOf(refused), HasSubstr("kubernetes: in signetd.yaml"));
  EXPECT_THAT(refused.ToString(), Not(HasSubstr("a-secret-token")));
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "slurmd", absl::Seconds(1));
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Refused(node_.Ask(&token)), base::kTokenExpired) << "the token's own refusal says more";
  const evidence::Token good = world_.MakeToken("n1");
  EXPECT_EQ(Refused(node_.Ask(&good)), "");
  EXPECT_EQ(Refused(node_.Ask()), "") << "a known key stands for itself";
}

TEST_F(NodeCertificatesTest, WithTheKubernetesApiDownANewPodGetsARetryableErrorThatSpendsNoLimit) {
  testing::FakePodReviewer kubernetes;
  kubernetes.BeUnavailable(true);
  world_.pods = &kubernetes;
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 1});
  node_.kubernetes_token = "jwt";
  for (int i = 0; i < 5; ++i) {
    const NodeRequest request = node_.Ask();
    const absl::Status refused = Sign(request).status();
    EXPECT_TRUE(absl::IsUnavailable(refused));
    EXPECT_EQ(base::ReasonOf(refused), base::kKubernetesUnavailable);
    EXPECT_EQ(world_.node_certificates->Validate("n1", request.script_token).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Refused(SimulatedNode("n2", world_.clock).Ask()), base::kIdentityUnknown) << "the shared limit is unspent";
}

TEST_F(NodeCertificatesTest, ATokenThatKubernetesRefusesSpendsTheSharedLimit) {
  testing::FakePodReviewer kubernetes;
  world_.pods = &kubernetes;
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 2});
  node_.kubernetes_token = "guess";
  EXPECT_EQ(Refused(node_.Ask()), base::kPodRefused);
  EXPECT_EQ(Refused(node_.Ask()), base::kPodRefused);
  EXPECT_EQ(Refused(node_.Ask()), base::kTooManyRequests);
}

TEST_F(NodeCertificatesTest, EveryKindOfUnprovenFailureSharesOneLimitAndShedsNobodyWhoProves) {
  Enrol();
  const evidence::Token token = world_.MakeToken("n2");
  SimulatedNode other("n2", world_.clock);
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 6});
  const auto sign = [&](const std::string& csr) {
    return base::ReasonOf(world_.node_certificates->Sign(csr, world_.origin).status());
  };
  EXPECT_EQ(sign("garbage"), base::kMalformed);
  EXPECT_EQ(sign(Must(keys::SignRequestPem(SimulatedNode::NewKey(), "n1", ""))), base::kEvidenceMissing);
  EXPECT_EQ(sign(Must(keys::SignRequestPem(SimulatedNode::NewKey(), "n1", "x"))), base::kMalformed);
  EXPECT_EQ(Refused(SimulatedNode("n1", world_.clock).Ask()), base::kIdentityUnknown);
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")), base::kWrongNode);
  EXPECT_EQ(base::ReasonOf(world_.node_certificates->Validate("n1", "guess")), base::kMalformed);
  EXPECT_EQ(sign("garbage"), base::kTooManyRequests);
  EXPECT_EQ(Refused(SimulatedNode("n1", world_.clock).Ask()), base::kTooManyRequests);
  EXPECT_EQ(base::ReasonOf(world_.node_certificates->Validate("n1", "guess")), base::kTooManyRequests);
  EXPECT_EQ(Refused(node_.Ask()), "") << "the node in whose name it all came";
  EXPECT_EQ(Refused(other.Ask(&token)), "") << "a new enrolment";
  world_.clock.Advance(absl::Seconds(10));
  EXPECT_EQ(sign("garbage"), base::kMalformed) << "ten seconds later";
}

TEST_F(NodeCertificatesTest, AVerifiedKeyIsLimitedAndNoOtherKeyIs) {
  Enrol();
  const evidence::Token token = world_.MakeToken("n2");
  SimulatedNode other("n2", world_.clock);
  Limit({.requests_per_key_per_minute = 3, .unproven_failures_per_minute = 100});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Refused(node_.Ask()), "");
  const int writes = world_.store->writes();
  const absl::Status shed = Sign(node_.Ask()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(shed));
  EXPECT_EQ(base::ReasonOf(shed), base::kTooManyRequests);
  EXPECT_TRUE(base::IsProven(shed));
  EXPECT_EQ(world_.store->writes(), writes) << "before any write";
  EXPECT_EQ(Refused(other.Ask(&token)), "");
  world_.clock.Advance(absl::Seconds(20));
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(NodeCertificatesTest, ATokensLimitIsSharedByTheKeysThatShowIt) {
  const evidence::Token token = world_.MakeToken("n1");
  ASSERT_EQ(Refused(node_.Ask(&token)), "");
  Limit({.requests_per_key_per_minute = 2, .unproven_failures_per_minute = 100});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(RefusedProven(SimulatedNode("n1", world_.clock).Ask(&token)), base::kTokenUsed);
  }
  EXPECT_EQ(Refused(SimulatedNode("n1", world_.clock).Ask(&token)), base::kTooManyRequests);
  EXPECT_EQ(Refused(node_.Ask()), "");
}

TEST_F(NodeCertificatesTest, RepeatsAndRefusalsOfAProvenKeySpendLimitsToo) {
  Enrol();
  const NodeRequest request = node_.Ask();
  ASSERT_EQ(Refused(request), "");
  Limit({.requests_per_key_per_minute = 2, .unproven_failures_per_minute = 100});
  EXPECT_EQ(Refused(request), "");
  EXPECT_EQ(Refused(request), "");
  EXPECT_EQ(Refused(request), base::kTooManyRequests);
  EXPECT_EQ(Refused(node_.Ask()), "") << "who captured a request cannot starve the node's next one";
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.seq -= 5000; })), base::kSequenceRegressed);
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.seq -= 5000; })), base::kTooManyRequests);
}

TEST_F(NodeCertificatesTest, AStoreThatDoesNotAnswerIsNobodysFailure) {
  Enrol();
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 1});
  world_.store->FailCommits(1);
  EXPECT_EQ(Refused(node_.Ask()), base::kStoreUnavailable);
  EXPECT_EQ(Refused(SimulatedNode("n2", world_.clock).Ask()), base::kIdentityUnknown);
}

TEST_F(NodeCertificatesTest, AnAuthorityNearItsEndSignsNothingAndUsesNoTokenUp) {
  testing::World world("alpha", absl::Hours(24 * 30));
  world.clock.Advance(absl::Hours(24 * 30) - absl::Minutes(30));
  const evidence::Token token = world.MakeToken("n1");
  SimulatedNode node("n1", world.clock);
  const absl::Status refused = world.node_certificates->Sign(node.Ask(&token).csr_pem, world.origin).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_TRUE(base::IsProven(refused));
  EXPECT_TRUE(world.Certificates("n1").empty());
  EXPECT_EQ(Must(world.Read([&](const store::Tables& tables) { return tables.tokens().Find(token.id()); })).uses, 0);
}

TEST_F(NodeCertificatesTest, ARefusalAfterTheJudgmentIsProvenToo) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest captured = node_.Ask(&token);
  ASSERT_EQ(Refused(captured), "");
  world_.clock.Advance(absl::Hours(24));
  ASSERT_EQ(Refused(node_.Ask()), "");
  world_.clock.Advance(absl::Hours(24 * 5) + absl::Minutes(1));
  const absl::Status refused = Sign(captured).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_TRUE(base::IsProven(refused));
}

TEST_F(NodeCertificatesTest, ARefusedRequestIsFiledUnderItsNameAndItsKey) {
  const NodeRequest request = node_.Ask();
  const AuditSubject csr = NodeCertificates::AboutRequest(request.csr_pem);
  EXPECT_EQ(csr.node, "n1");
  EXPECT_EQ(csr.key_id, node_.key_id());
  const AuditSubject token = NodeCertificates::AboutScriptToken("n2", request.script_token);
  EXPECT_EQ(token.node, "n2");
  EXPECT_EQ(token.key_id, node_.key_id());
  for (const std::string& bad : {std::string(), std::string("signet1.AAAA"), std::string("secret")}) {
    EXPECT_EQ(NodeCertificates::AboutScriptToken("n1", bad).node, "n1");
    EXPECT_EQ(NodeCertificates::AboutScriptToken("n1", bad).key_id, "");
    EXPECT_EQ(NodeCertificates::AboutRequest(bad).node, "");
  }
  const std::string bare = Must(keys::SignRequestPem(request.tls_key, "n3", ""));
  EXPECT_EQ(NodeCertificates::AboutRequest(bare).node, "n3");
  EXPECT_EQ(NodeCertificates::AboutRequest(bare).key_id, "");
}

}  // namespace
}  // namespace signet::enrollment
