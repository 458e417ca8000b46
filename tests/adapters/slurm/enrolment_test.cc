#include "adapters/slurm/enrolment.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/base/reason.h"
#include "services/evidence/statement.h"
#include "services/files/file.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

class EnrolmentTest : public testing::Test {
 protected:
  static evidence::Statement Decode(const std::string& bytes) {
    const auto parsed = evidence::SignedStatement::Parse(bytes);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed->statement();
  }
  evidence::Statement Token(const std::string& name = "n1") {
    const auto token = enrolment_.NodeToken(name);
    EXPECT_TRUE(token.ok()) << token.status();
    return Decode(*evidence::DecodeScriptToken(*token));
  }
  x509::CertificateRequest Csr(const std::string& name = "n1") {
    const auto pem = enrolment_.Csr(name);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *x509::CertificateRequest::FromPem(*pem);
  }
  evidence::Statement Renewal(const std::string& name = "n1") { return Decode(*Csr(name).statement()); }
  void Enrol(const std::string& name = "n1") {
    Token(name);
    Csr(name);
    Key(name);
  }
  void InPod() {
    config_.cluster = "alpha";
    WriteFile(config_.kubernetes_token_file, "header.claims.signature\n", 0400);
  }
  keys::PrivateKey Key(const std::string& name = "n1") {
    const auto pem = enrolment_.CertKey(name);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *keys::PrivateKey::FromPem(*pem);
  }

  const Scratch scratch_;
  Config config_ = ConfigIn(scratch_);
  Host host_ = HostNamed("host1");
  base::FakeClock clock_{absl::Now()};
  const Deadline deadline_{absl::Seconds(60)};
  Enrolment enrolment_{config_, host_, clock_, deadline_};
};

TEST_F(EnrolmentTest, TokenCsrAndKeyBelongTogether) {
  const evidence::Statement token = Token();
  const x509::CertificateRequest csr = Csr();
  EXPECT_EQ(Decode(*csr.statement()).seq, token.seq);
  EXPECT_EQ(csr.common_name(), "n1");
  EXPECT_EQ(csr.public_key().spki_sha256(), token.csr_spki_sha256);
  EXPECT_TRUE(Key().public_key() == csr.public_key());
  EXPECT_EQ(token.cluster, "alpha");
  EXPECT_EQ(token.daemon, "slurmd");
  EXPECT_EQ(token.token_id, FindToken(config_, "n1", "slurmd").token->id);
}

TEST_F(EnrolmentTest, RetriesRepeatTheRequestUntilItsKeyIsPrinted) {
  const auto first = Csr();
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Csr().public_key() == first.public_key());
  EXPECT_EQ(Renewal().seq, Decode(*first.statement()).seq);
  Key();
  EXPECT_FALSE(Csr().public_key() == first.public_key());
}

TEST_F(EnrolmentTest, AKeyIsPrintedAgainAfterAKill) {
  const auto csr = Csr();
  EXPECT_TRUE(Key().public_key() == csr.public_key());
  EXPECT_TRUE(Key().public_key() == csr.public_key());
}

TEST_F(EnrolmentTest, NoKeyWithoutARequest) {
  EXPECT_TRUE(absl::IsFailedPrecondition(enrolment_.CertKey("n1").status()));
}

TEST_F(EnrolmentTest, NeverHandsOutTheOldKeyBesideTheCertificateOfADamagedRequest) {
  Csr();
  Key();
  Csr();
  const std::string pending = config_.state_dir + "/" + std::to_string(host_.uid) + "/n1/pending";
  ASSERT_TRUE(files::WriteAtomically(pending, "", {.mode = 0600}).ok());
  const auto refused = enrolment_.CertKey("n1");
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kConfiguration) << refused.status();
  const auto next = Csr();
  EXPECT_TRUE(Key().public_key() == next.public_key());
}

TEST_F(EnrolmentTest, AnAgeingStatementIsRemadeForTheSameKey) {
  const auto old = Csr();
  clock_.Advance(absl::Hours(6 * 24 + 1));
  const auto remade = Csr();
  EXPECT_GT(Decode(*remade.statement()).seq, Decode(*old.statement()).seq);
  EXPECT_TRUE(remade.public_key() == old.public_key()) << "the daemon may hold a CSR of the old key";
}

TEST_F(EnrolmentTest, AStatementFromTheFutureIsRemade) {
  const evidence::Statement old = Renewal();
  clock_.Advance(-absl::Hours(2));
  const evidence::Statement remade = Renewal();
  EXPECT_EQ(remade.seq, old.seq + 1);
  EXPECT_LT(remade.issued_at, old.issued_at);
}

TEST_F(EnrolmentTest, ANewTokenBringsANewIdentityAtAFullEnrolment) {
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

TEST_F(EnrolmentTest, AStrayTokenFileChangesNothingAtARenewal) {
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

TEST_F(EnrolmentTest, WithoutATokenTheIdentityStays) {
  Enrol();
  const std::string key_id = Renewal().key_id;
  Key();
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  host_.parent = "200 1";
  EXPECT_EQ(Token().key_id, key_id);
}

TEST_F(EnrolmentTest, ATokenThatTheServerRefusesDoesNotCostTheOldIdentity) {
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

TEST_F(EnrolmentTest, AnIdentityThatEndedGivesWayAgainToTheTokensOwn) {
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

TEST_F(EnrolmentTest, ARenewalAsksWithTheIdentityThatWasAnsweredLast) {
  Enrol();
  const std::string key_id = Renewal().key_id;
  Key();
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  // An administrator tries the script by hand, beside the daemon that runs.
  const std::string daemon = host_.parent;
  host_.parent = "999 1";
  EXPECT_NE(Token().key_id, key_id);
  host_.parent = daemon;
  EXPECT_EQ(Renewal().key_id, key_id);
}

TEST_F(EnrolmentTest, AThirdTokenKeepsTheIdentityThatWasAnswered) {
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

TEST_F(EnrolmentTest, RenewsWithoutATokenFile) {
  Csr();
  Key();
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  const evidence::Statement renewal = Renewal();
  EXPECT_EQ(renewal.token_id, "");
  EXPECT_EQ(renewal.cluster, "alpha") << "remembered from the last request";
}

TEST_F(EnrolmentTest, NamesTheFilesItTriedWhenThereIsNoEvidence) {
  const auto refused = enrolment_.NodeToken("n9");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kEvidenceMissing);
  const std::string line = ErrorLine("get-node-token", refused.status());
  EXPECT_NE(line.find(scratch_ / "n9.token"), std::string::npos);
  EXPECT_NE(line.find("signetctl token create n9"), std::string::npos);
}

TEST_F(EnrolmentTest, ARenewalWithoutEvidenceLeavesNothingBehind) {
  EXPECT_EQ(base::ReasonOf(enrolment_.Csr("n9").status()), base::kEvidenceMissing);
  InPod();
  EXPECT_EQ(base::ReasonOf(enrolment_.Csr("n9").status()), base::kEvidenceMissing);
  EXPECT_FALSE(files::Exists(scratch_ / "state")) << "sackd's garbled name may look like a node's";
}

TEST_F(EnrolmentTest, AFullEnrolmentWithoutEvidenceLeavesAKeyToApprove) {
  config_.cluster = "alpha";
  const std::string line = ErrorLine("get-node-token", enrolment_.NodeToken("n9").status());
  const evidence::Statement asking = Token("n9");
  EXPECT_NE(line.find("signetctl node approve n9 --key " + asking.key_id), std::string::npos) << line;
  EXPECT_EQ(asking.token_id, "");
  const auto csr = Csr("n9");
  EXPECT_EQ(Decode(*csr.statement()).key_id, asking.key_id);
}

TEST_F(EnrolmentTest, ThePodsTokenIsEvidenceUntilItsKeyIsAdmitted) {
  InPod();
  EXPECT_EQ(Token("pod-0").kubernetes_token, "header.claims.signature");
  EXPECT_EQ(Decode(*Csr("pod-0").statement()).kubernetes_token, "header.claims.signature");
  Key("pod-0");
  EXPECT_EQ(Renewal("pod-0").kubernetes_token, "");
  Key("pod-0");
  EXPECT_EQ(Token("pod-0").kubernetes_token, "") << "the identity key stands for itself";
}

TEST_F(EnrolmentTest, ThePodsTokenComesAgainWhenTheServerForgotTheKey) {
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
  EXPECT_EQ(Renewal("pod-0").kubernetes_token, "") << "never at a renewal, whatever a stranded enrolment left";
}

TEST_F(EnrolmentTest, AProjectedTokenThatTheKubeletRenewedIsTakenAnew) {
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

TEST_F(EnrolmentTest, ThePodsTokenStaysHomeBesideATokenFile) {
  InPod();
  EXPECT_EQ(Token("n1").kubernetes_token, "");
  EXPECT_NE(Token("n1").token_id, "");
}

TEST_F(EnrolmentTest, RefusesAPodsTokenThatTheUsersOfJobsCanRead) {
  InPod();
  ASSERT_EQ(chmod(config_.kubernetes_token_file.c_str(), 0644), 0);
  const auto refused = enrolment_.NodeToken("pod-0");
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kConfiguration);
  EXPECT_NE(base::NextOf(refused.status()).find("defaultMode: 0400"), std::string::npos) << refused.status();
}

TEST_F(EnrolmentTest, ARenamedNodeEnrolsAnew) {
  const std::string old_key = Token("n1").key_id;
  WriteToken(scratch_ / "n2.token", "n2", "slurmd");
  const evidence::Statement renamed = Token("n2");
  EXPECT_EQ(renamed.node, "n2");
  EXPECT_NE(renamed.key_id, old_key);
  EXPECT_EQ(Token("n1").key_id, old_key);
}

TEST_F(EnrolmentTest, AnEmptyOrGarbledNameMeansTheOnlyNodeThatEnrolled) {
  Csr();
  for (const std::string& name : {std::string(), std::string("\x01\xff"), std::string("n1 "), std::string("../n1")}) {
    EXPECT_EQ(*enrolment_.NodeFor(name), "n1");
  }
}

TEST_F(EnrolmentTest, AnEmptyNameMeansTheHostWhenNothingOrTwoEnrolled) {
  EXPECT_EQ(*enrolment_.NodeFor(""), "host1");
  WriteToken(scratch_ / "n2.token", "n2", "slurmd");
  Csr("n1");
  Csr("n2");
  EXPECT_EQ(*enrolment_.NodeFor(""), "host1");
  host_.name = "";
  EXPECT_FALSE(enrolment_.NodeFor("").ok());
}

TEST_F(EnrolmentTest, AValidUnknownNameIsANewEnrolment) {
  Csr("n1");
  EXPECT_FALSE(enrolment_.Csr("n2").ok());
}

TEST_F(EnrolmentTest, TwoDaemonsOfTwoUsersKeepSeparateState) {
  const evidence::Statement slurmd = Token();
  WriteToken(scratch_ / "token", "n1", "sackd");
  Host other = host_;
  other.daemon = "sackd";
  // A process can make directories for its own user alone, so the second user gets a second state_dir.
  Config other_config = config_;
  other_config.state_dir = scratch_ / "other";
  const auto token = Enrolment(other_config, other, clock_, deadline_).NodeToken("n1");
  ASSERT_TRUE(token.ok()) << token.status();
  const evidence::Statement sackd = Decode(*evidence::DecodeScriptToken(*token));
  EXPECT_EQ(sackd.daemon, "sackd");
  EXPECT_NE(sackd.key_id, slurmd.key_id);
  EXPECT_NE(sackd.token_id, slurmd.token_id);
}

TEST_F(EnrolmentTest, ACloneAsksWithANewIdentity) {
  const evidence::Statement original = Renewal();
  host_.machine_id_sha256 = x509::Sha256("machine two");
  const evidence::Statement clone = Renewal();
  EXPECT_NE(clone.key_id, original.key_id);
  EXPECT_NE(clone.csr_spki_sha256, original.csr_spki_sha256);
}

TEST_F(EnrolmentTest, ReportsTheBundleOnDisk) {
  EXPECT_EQ(Renewal().bundle_on_disk.sha256, "");
  WriteFile(config_.ca_cert_file, "not even a certificate");
  EXPECT_EQ(Renewal().bundle_on_disk.sha256, x509::Sha256("not even a certificate"));
}

TEST_F(EnrolmentTest, ReportsALoadedBundleOnlyAfterARenewalByTheSameProcess) {
  WriteFile(config_.ca_cert_file, "bundle one");
  Token();
  Csr();
  Key();
  EXPECT_FALSE(Renewal().loaded_seen_at_renewal) << "slurmd read its file before it enrolled";
  Key();
  const evidence::Statement second = Renewal();
  EXPECT_TRUE(second.loaded_seen_at_renewal);
  EXPECT_EQ(second.bundle_loaded.sha256, x509::Sha256("bundle one"));
}

TEST_F(EnrolmentTest, ReportsNoLoadedBundleAfterARestartOrAChange) {
  WriteFile(config_.ca_cert_file, "bundle one");
  Renewal();
  Key();
  host_.parent = "100 6000";
  EXPECT_FALSE(Renewal().loaded_seen_at_renewal) << "the same pid, another process";
  Key();
  WriteFile(config_.ca_cert_file, "bundle two");
  EXPECT_FALSE(Renewal().loaded_seen_at_renewal);
  Key();
  EXPECT_TRUE(Renewal().loaded_seen_at_renewal);
  host_.boot_id = "99999999-2222-3333-4444-555555555555";
  EXPECT_FALSE(Renewal().loaded_seen_at_renewal);
}

TEST_F(EnrolmentTest, ABundleReplacedDuringAnEnrolmentIsNoRenewal) {
  WriteFile(config_.ca_cert_file, "bundle one");
  Token();
  WriteFile(config_.ca_cert_file, "bundle two");
  Csr();
  Key();
  EXPECT_FALSE(Renewal().loaded_seen_at_renewal);
}

}  // namespace
}  // namespace signet::slurm
