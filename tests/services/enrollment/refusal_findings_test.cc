#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/enrollment/explanation_fixture.h"

namespace signet::enrollment {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// openssl req -subj /C=XX/ST=State/O=Site/CN=n1
constexpr char kDocumentedCsr[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIH0MIGbAgEAMDkxCzAJBgNVBAYTAlhYMQ4wDAYDVQQIDAVTdGF0ZTENMAsGA1UE
CgwEU2l0ZTELMAkGA1UEAwwCbjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQE
UtfznAcGFku4vIxeRaoW/OeHWf7XxN+nrwMukRzgxFIhtq7i4pFxlHYb+HtBfvZX
/ddETcnQEY4ZKBJqOHRNoAAwCgYIKoZIzj0EAwIDSAAwRQIgK605ED+igXH3Mq7+
coTw1zy9TLVo8Jmpimm0AyrU89ICIQCegPOpt+K9egllpkDzJ5tIctSiupamr5QS
xchkNzgOww==
-----END CERTIFICATE REQUEST-----
)";

using RefusalFindingsTest = ExplanationTest;

TEST_F(RefusalFindingsTest, AProvenRefusalIsAnErrorAndOneThatProvedNothingAWarning) {
  EnrolWell();
  Refuse(base::kSequenceRegressed, true, node_.key_id());
  Refuse(base::kTokenUnknown, false, "0011");
  const Finding proven = Find(base::kSequenceRegressed);
  EXPECT_EQ(proven.severity, Severity::kError);
  EXPECT_THAT(proven.cause, AllOf(HasSubstr("it says why"), HasSubstr("holder of n1's key")));
  const Finding unproven = Find(base::kTokenUnknown);
  EXPECT_EQ(unproven.severity, Severity::kWarning);
  EXPECT_THAT(unproven.cause, AllOf(HasSubstr("anybody could have sent it"), HasSubstr("perhaps not n1")));
  EXPECT_EQ(Explain().findings.front().code, base::kSequenceRegressed);
}

TEST_F(RefusalFindingsTest, ALaterSuccessMakesRefusalsHistory) {
  EnrolWell();
  Refuse(base::kEvidenceExpired, true, node_.key_id());
  Refuse(base::kTokenUnknown, false);
  ASSERT_EQ(Refused(node_.Ask()), "");
  Change([](store::NodeRow& row) {
    row.disk_generation = 1;
    row.disk_sha256 = std::string(32, 'b');
  });
  const Explanation explanation = Explain();
  EXPECT_EQ(explanation.findings.front().code, "OK");
  EXPECT_THAT(explanation.refusals, SizeIs(2));
}

TEST_F(RefusalFindingsTest, ASecondHostIsNotForgottenBecauseTheFirstRenews) {
  EnrolWell();
  Refuse(base::kIdentitySuperseded, true, "00112233445566778899aabbccddeeff", "signetctl node explain n1");
  ASSERT_EQ(Refused(node_.Ask()), "");
  const Finding second = Find(base::kIdentitySuperseded);
  EXPECT_EQ(second.severity, Severity::kWarning);
  EXPECT_THAT(second.next, AllOf(HasSubstr("signet-slurm state show"), HasSubstr("00112233445566778899aabbccddeeff")));
  world_.clock.Advance(absl::Hours(85));
  EXPECT_FALSE(Has(base::kIdentitySuperseded));
}

TEST_F(RefusalFindingsTest, EveryRefusalLeadsToACommandAndNeverBackHere) {
  struct Row {
    std::string reason;
    std::string own_next;
    std::string next;
  };
  const std::vector<Row> rows = {
      {base::kEvidenceMissing, "", "CertmgrParameters"},
      {base::kEvidenceFromFuture, "", "chronyc tracking"},
      {base::kEvidenceExpired, "restart", "chronyc tracking"},
      {base::kWrongCluster, "set cluster in signet-slurm.yaml on the node", "set cluster"},
      {base::kTokenUsed, "signetctl token create n1", "signetctl token create n1"},
      {base::kSequenceRegressed, "signetctl node explain n1", "signet-slurm state show"},
      {base::kTooManyNewKeys, "signetctl node show n1", "signet-slurm state show"},
      {base::kNodeBlocked, "signetctl node explain n1", "signetctl node unblock"},
      {base::kKeyRefused, "", "journalctl -u signetd | grep 00ff00ff00ff00ff"},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string node = absl::StrCat("x", i);
    Refuse(rows[i].reason, true, "", rows[i].own_next, node);
    const Finding finding = Find(rows[i].reason, node);
    EXPECT_THAT(finding.next, HasSubstr(rows[i].next)) << rows[i].reason;
    EXPECT_THAT(finding.next, Not(HasSubstr("node explain"))) << rows[i].reason;
    EXPECT_EQ(Find("NOT_ENROLLED", node).next, absl::StrCat("signetctl token create ", node, " --out-dir DIR"));
  }
}

TEST_F(RefusalFindingsTest, ASuccessOfTheOtherDaemonHidesNothing) {
  EnrolWell();
  const evidence::Token token = world_.MakeToken("n1", evidence::TokenKind::kSingleUse, "sackd");
  testing::SimulatedNode sackd("n1", world_.clock, "sackd");
  Refuse(base::kSequenceRegressed, true, node_.key_id());
  Refuse(base::kTokenUnknown, false);
  ASSERT_EQ(Refused(sackd.Ask(&token)), "");
  EXPECT_EQ(Find(base::kSequenceRegressed).severity, Severity::kError);
  EXPECT_TRUE(Has(base::kTokenUnknown));
  ASSERT_EQ(Refused(node_.Ask()), "");
  EXPECT_FALSE(Has(base::kSequenceRegressed));
  EXPECT_FALSE(Has(base::kTokenUnknown));
}

TEST_F(RefusalFindingsTest, NoCommandApprovesAKeyThatProvedNothing) {
  const std::string approve = "signetctl node approve n1 --key 0011";
  Refuse(base::kIdentityUnknown, false, "0011", "signetctl token create n1 --out-dir DIR   (or: " + approve + ")");
  EXPECT_EQ(Find(base::kIdentityUnknown).next, "signetctl token create n1 --out-dir DIR");
  Refuse(base::kIdentityUnknown, false, "0011", approve);
  EXPECT_THAT(Find(base::kIdentityUnknown).next,
              AllOf(HasSubstr("on n1: signet-slurm state show"), Not(HasSubstr("0011"))));
}

TEST_F(RefusalFindingsTest, TheDocumentedScriptIsRecognisedByItsSubject) {
  const auto refused = world_.node_certificates->Sign(kDocumentedCsr, world_.origin).status();
  EXPECT_EQ(NodeCertificates::AboutRequest(kDocumentedCsr).node, "n1");
  store::RefusalRow row;
  row.node = "n1";
  row.at = world_.clock.Now();
  row.action = "certificate.sign";
  row.reason = base::ReasonOf(refused);
  row.message = std::string(refused.message());
  testing::Must(world_.store->Write([&](store::Tables& tables) { return tables.refusals().Insert(row); }));
  const Finding finding = Find(base::kCsrRefused);
  EXPECT_THAT(finding.cause, HasSubstr("still runs another generate_csr_script"));
  EXPECT_THAT(finding.next, HasSubstr("CertmgrParameters"));
}

TEST_F(RefusalFindingsTest, OneReasonIsOneFindingWithItsCount) {
  for (int i = 0; i < 3; ++i) Refuse(base::kTokenExpired, true);
  const Explanation explanation = Explain();
  ASSERT_THAT(explanation.refusals, SizeIs(3));
  EXPECT_GT(explanation.refusals[0].at, explanation.refusals[2].at);
  EXPECT_THAT(Find(base::kTokenExpired).cause, HasSubstr("3 times"));
}

TEST_F(RefusalFindingsTest, ASuccessAlsoEndsAProvenRefusalWithoutAKey) {
  EnrolWell();
  Refuse(base::kTokenExpired, true);
  Refuse(base::kTokenExpired, false);
  EXPECT_EQ(Find(base::kTokenExpired).severity, Severity::kError);
  EXPECT_THAT(Explain().findings, SizeIs(2));
  ASSERT_EQ(Refused(node_.Ask()), "");
  EXPECT_FALSE(Has(base::kTokenExpired));
}

}  // namespace
}  // namespace signet::enrollment
