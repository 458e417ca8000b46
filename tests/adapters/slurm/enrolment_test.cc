#include "adapters/slurm/enrolment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "services/base/reason.h"
#include "services/evidence/statement.h"
#include "services/files/file.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/enrolment_fixture.h"

namespace signet::slurm {
namespace {

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
