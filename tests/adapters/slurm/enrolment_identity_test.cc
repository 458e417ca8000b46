// Which identity key asks, and with what evidence beside it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/base/reason.h"
#include "services/evidence/statement.h"
#include "services/files/file.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/enrolment_fixture.h"

namespace signet::slurm {
namespace {

using EnrolmentIdentityTest = EnrolmentTest;

TEST_F(EnrolmentIdentityTest, ANewTokenBringsANewIdentityAtAFullEnrolment) {
  const evidence::Statement old = Token();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  const evidence::Statement remade = Token();
  EXPECT_NE(remade.token_id, old.token_id);
  EXPECT_NE(remade.key_id, old.key_id);
  EXPECT_GT(remade.seq, old.seq);
  EXPECT_EQ(remade.csr_spki_sha256, old.csr_spki_sha256) << "the daemon may hold a CSR of that TLS key";
  EXPECT_EQ(Decode(*Csr().statement()).seq, remade.seq);
  Key();
  EXPECT_EQ(Token().key_id, remade.key_id) << "the same token, the same identity";
}

TEST_F(EnrolmentIdentityTest, AStrayTokenFileChangesNothingAtARenewal) {
  Enrol();
  const evidence::Statement before = Renewal();
  Key();
  config_.cluster = "";
  WriteToken(scratch_ / "n1.token", "n1", "slurmd", "beta");
  const evidence::Statement after = Renewal();
  EXPECT_EQ(after.key_id, before.key_id);
  EXPECT_EQ(after.cluster, "alpha");
  EXPECT_EQ(after.token_id, "") << "it would be spent on a key that it was not made for";
}

TEST_F(EnrolmentIdentityTest, WithoutATokenTheIdentityStays) {
  Enrol();
  const std::string key_id = Renewal().key_id;
  Key();
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  host_.parent = "200 1";
  EXPECT_EQ(Token().key_id, key_id);
}

TEST_F(EnrolmentIdentityTest, ATokenThatTheServerRefusesDoesNotCostTheOldIdentity) {
  const evidence::Statement old = Token();
  Csr();
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  host_.parent = "200 1";
  const evidence::Statement refused = Token();
  Csr();
  EXPECT_NE(refused.key_id, old.key_id);
  // slurmd ended, and systemd started it again: the identity that is still good has its turn.
  host_.parent = "300 1";
  EXPECT_EQ(Token().key_id, old.key_id);
  EXPECT_EQ(Token().key_id, old.key_id) << "one turn for each process of the daemon";
  Csr();
  Key();
  host_.parent = "400 1";
  EXPECT_EQ(Token().key_id, old.key_id) << "what worked last goes first";
}

TEST_F(EnrolmentIdentityTest, AnIdentityThatEndedGivesWayAgainToTheTokensOwn) {
  const evidence::Statement ended = Token();
  Csr();
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  // Each of these asks in vain: slurmctld was away.
  host_.parent = "200 1";
  const evidence::Statement fresh = Token();
  host_.parent = "300 1";
  EXPECT_EQ(Token().key_id, ended.key_id);
  host_.parent = "400 1";
  const evidence::Statement again = Token();
  EXPECT_EQ(again.key_id, fresh.key_id) << "a single-use token admits no third key";
  EXPECT_EQ(again.token_id, fresh.token_id);
}

TEST_F(EnrolmentIdentityTest, ARenewalAsksWithTheIdentityThatWasAnsweredLast) {
  Enrol();
  const std::string key_id = Renewal().key_id;
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  // An administrator tries the script by hand, beside the daemon that runs.
  const std::string daemon = host_.parent;
  host_.parent = "999 1";
  EXPECT_NE(Token().key_id, key_id);
  host_.parent = daemon;
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Renewal().key_id, key_id);
}

TEST_F(EnrolmentIdentityTest, AKeyThatANewOneTookOverFromIsNeverShownAgain) {
  Enrol();
  const std::string old = Renewal().key_id;
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  host_.parent = "200 1";
  const std::string fresh = Token().key_id;
  Csr();
  Key();
  ASSERT_NE(fresh, old);
  // The server is away for several starts, with the token's file still in place, and then without it.
  for (const char* parent : {"300 1", "400 1", "500 1"}) {
    host_.parent = parent;
    EXPECT_EQ(Token().key_id, fresh) << parent;
  }
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  for (const char* parent : {"600 1", "700 1"}) {
    host_.parent = parent;
    EXPECT_EQ(Token().key_id, fresh) << parent;
  }
}

TEST_F(EnrolmentIdentityTest, AKeyThatWasAdmittedWithoutAnAnswerTakesOverAtItsNextTurn) {
  Enrol();
  const std::string old = Renewal().key_id;
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  host_.parent = "200 1";
  const std::string fresh = Token().key_id;
  host_.parent = "300 1";
  EXPECT_EQ(Token().key_id, old) << "an attempt in vain gives the other one its turn";
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  host_.parent = "400 1";
  EXPECT_EQ(Token().key_id, fresh);
  Csr();
  Key();
  for (const char* parent : {"500 1", "600 1"}) {
    host_.parent = parent;
    EXPECT_EQ(Token().key_id, fresh) << parent;
  }
}

TEST_F(EnrolmentIdentityTest, AThirdTokenKeepsTheIdentityThatWasAnswered) {
  Enrol();
  const std::string answered = Renewal().key_id;
  Key();
  std::string last;
  for (const char* parent : {"200 1", "300 1"}) {
    WriteToken(scratch_ / "n1.token", "n1", "slurmd");
    host_.parent = parent;
    EXPECT_NE(Token().key_id, last);
    last = Token().key_id;
  }
  host_.parent = "400 1";
  EXPECT_EQ(Token().key_id, answered);
}

TEST_F(EnrolmentIdentityTest, AFullEnrolmentWithoutEvidenceLeavesAKeyToApprove) {
  config_.cluster = "alpha";
  const std::string line = ErrorLine("get-node-token", enrolment_.NodeToken("n9").status());
  const evidence::Statement asking = Token("n9");
  EXPECT_NE(line.find("signetctl node approve n9 --key " + asking.key_id), std::string::npos) << line;
  EXPECT_EQ(asking.token_id, "");
  const auto csr = Csr("n9");
  EXPECT_EQ(Decode(*csr.statement()).key_id, asking.key_id);
}

TEST_F(EnrolmentIdentityTest, ThePodsTokenIsEvidenceUntilItsKeyIsAdmitted) {
  InPod();
  EXPECT_EQ(Token("pod-0").kubernetes_token, "header.claims.signature");
  EXPECT_EQ(Decode(*Csr("pod-0").statement()).kubernetes_token, "header.claims.signature");
  Key("pod-0");
  EXPECT_EQ(Renewal("pod-0").kubernetes_token, "");
  Key("pod-0");
  EXPECT_EQ(Token("pod-0").kubernetes_token, "") << "the identity key stands for itself";
}

TEST_F(EnrolmentIdentityTest, ThePodsTokenComesAgainWhenTheServerForgotTheKey) {
  InPod();
  const std::string key_id = Token("pod-0").key_id;
  Csr("pod-0");
  Key("pod-0");
  host_.parent = "200 1";
  EXPECT_EQ(Token("pod-0").kubernetes_token, "");
  Csr("pod-0");
  host_.parent = "300 1";
  const evidence::Statement again = Token("pod-0");
  EXPECT_EQ(again.kubernetes_token, "header.claims.signature");
  EXPECT_EQ(again.key_id, key_id);
  host_.parent = "400 1";
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Renewal("pod-0").kubernetes_token, "") << "never at a renewal, whatever a stranded enrolment left";
}

TEST_F(EnrolmentIdentityTest, AProjectedTokenThatTheKubeletRenewedIsTakenAnew) {
  InPod();
  const evidence::Statement old = Token("pod-0");
  WriteFile(config_.kubernetes_token_file, "new.pod.token\n", 0400);
  host_.parent = "200 1";
  const evidence::Statement remade = Token("pod-0");
  EXPECT_EQ(remade.kubernetes_token, "new.pod.token");
  EXPECT_EQ(remade.key_id, old.key_id) << "a pod has one identity key";
  WriteFile(config_.kubernetes_token_file, "third.pod.token\n", 0400);
  EXPECT_EQ(Decode(*Csr("pod-0").statement()).seq, remade.seq) << "both scripts of one enrolment say the same";
}

TEST_F(EnrolmentIdentityTest, ThePodsTokenStaysHomeBesideATokenFile) {
  InPod();
  EXPECT_EQ(Token("n1").kubernetes_token, "");
  EXPECT_NE(Token("n1").token_id, "");
}

TEST_F(EnrolmentIdentityTest, RefusesAPodsTokenThatTheUsersOfJobsCanRead) {
  InPod();
  ASSERT_EQ(chmod(config_.kubernetes_token_file.c_str(), 0644), 0);
  const auto refused = enrolment_.NodeToken("pod-0");
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kConfiguration);
  EXPECT_NE(base::NextOf(refused.status()).find("defaultMode: 0400"), std::string::npos) << refused.status();
}

TEST_F(EnrolmentIdentityTest, ARenamedNodeEnrolsAnew) {
  const std::string old_key = Token("n1").key_id;
  WriteToken(scratch_ / "n2.token", "n2", "slurmd");
  const evidence::Statement renamed = Token("n2");
  EXPECT_EQ(renamed.node, "n2");
  EXPECT_NE(renamed.key_id, old_key);
  EXPECT_EQ(Token("n1").key_id, old_key);
}

TEST_F(EnrolmentIdentityTest, ACloneAsksWithANewIdentity) {
  const evidence::Statement original = Renewal();
  host_.machine_id_sha256 = x509::Sha256("machine two");
  const evidence::Statement clone = Renewal();
  EXPECT_NE(clone.key_id, original.key_id);
  EXPECT_NE(clone.csr_spki_sha256, original.csr_spki_sha256);
}

TEST_F(EnrolmentIdentityTest, AWrapperAroundEachScriptDoesNotKeepATokenOut) {
  Enrol();
  const std::string old = Renewal().key_id;
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  host_.parent = "201 1";
  const evidence::Statement fresh = Token();
  host_.parent = "202 1";
  EXPECT_EQ(Renewal().key_id, fresh.key_id) << "generate-csr of the same enrolment";
  host_.parent = "203 1";
  Key();
  clock_.Advance(absl::Hours(24));
  host_.parent = "204 1";
  EXPECT_EQ(Renewal().key_id, fresh.key_id);
  EXPECT_NE(fresh.key_id, old);
}

TEST_F(EnrolmentIdentityTest, BothScriptsSayTheSameAfterAnyNumberOfStarts) {
  InPod();
  Enrol("pod-0");
  for (const char* parent : {"200 1", "300 1", "400 1", "500 1"}) {
    host_.parent = parent;
    const evidence::Statement token = Token("pod-0");
    clock_.Advance(absl::Minutes(2));
    const evidence::Statement csr = Renewal("pod-0");
    EXPECT_EQ(csr.seq, token.seq) << parent;
    EXPECT_EQ(csr.kubernetes_token, token.kubernetes_token) << parent;
  }
}

}  // namespace
}  // namespace signet::slurm
