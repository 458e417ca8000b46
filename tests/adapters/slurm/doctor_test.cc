#include "adapters/slurm/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/slurm/enrolment.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    config_.cluster = "alpha";
    config_.bundle_pin = bundle_key_.public_key().spki_sha256();
    bundle::Bundle fields;
    fields.cluster = "alpha";
    fields.generation = 1;
    fields.ca_cert_pem = *bundle::RenderCaFile({authority_.root});
    fields.created_at = absl::FromUnixMillis(absl::ToUnixMillis(now_));
    WriteFile(scratch_ / "signet-bundle", *bundle::Sign(fields, bundle_key_));
    WriteFile(config_.ca_cert_file, fields.ca_cert_pem);
    EXPECT_TRUE(Enrolment(config_, host_, clock_, deadline_).NodeToken("n1").ok());
  }
  std::string Report() const { return RenderFindings(Examine(config_, host_, Deadline(absl::Seconds(3)), now_)); }

  const Scratch scratch_;
  const TestAuthority authority_;
  const keys::PrivateKey bundle_key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  Config config_ = ConfigIn(scratch_);
  Host host_ = HostNamed("n1");
  const base::SystemClock clock_;
  const Deadline deadline_{absl::Seconds(60)};
  absl::Time now_ = absl::Now();
};

TEST_F(DoctorTest, FindsNoFaultOnANodeThatIsWell) {
  EXPECT_THAT(Report(), Not(HasSubstr("fault: ")));
  EXPECT_THAT(Report(), HasSubstr("ok: the trust bundle verifies, generation 1\n"));
  EXPECT_THAT(Report(), HasSubstr("holds an identity key\n"));
  EXPECT_THAT(Report(), HasSubstr("ok: " + (scratch_ / "n1.token") + " is a token for n1 (slurmd)\n"));
  EXPECT_THAT(Report(), HasSubstr("no signetd on this host; systemctl status signetd"));
}

TEST_F(DoctorTest, NamesACaFileThatCrashesSlurm) {
  WriteFile(config_.ca_cert_file, ReadFile(config_.ca_cert_file) + "text");
  EXPECT_THAT(Report(), HasSubstr("fault: " + config_.ca_cert_file));
  EXPECT_THAT(Report(), HasSubstr("signet-slurm refresh"));
  ASSERT_EQ(unlink(config_.ca_cert_file.c_str()), 0);
  EXPECT_THAT(Report(), HasSubstr("fault: ca_cert_file: "));
}

TEST_F(DoctorTest, NamesAClockBeforeTheBundles) {
  now_ -= absl::Hours(20);
  EXPECT_THAT(Report(), HasSubstr("fault: the clock says "));
}

TEST_F(DoctorTest, NamesAnIdentityThatOthersCanReadOrThatIsDamaged) {
  const std::string identity = config_.state_dir + "/" + std::to_string(host_.uid) + "/n1/identity";
  ASSERT_EQ(chmod(identity.c_str(), 0644), 0);
  EXPECT_THAT(Report(), HasSubstr("fault: " + identity));
  EXPECT_THAT(Report(), HasSubstr("chmod 0400 " + identity));
  WriteFile(identity, "garbage", 0600);
  EXPECT_THAT(Report(), HasSubstr("fault: " + identity));
}

TEST_F(DoctorTest, NotesAMissingTokenWithTheCommandThatMakesOne) {
  ASSERT_EQ(unlink((scratch_ / "n1.token").c_str()), 0);
  EXPECT_THAT(Report(), HasSubstr("note: no token for n1 (slurmd): "));
  EXPECT_THAT(Report(), HasSubstr("signetctl token create n1"));
}

TEST_F(DoctorTest, NamesAPodsTokenThatOthersCanRead) {
  WriteFile(config_.kubernetes_token_file, "a.b.c", 0644);
  EXPECT_THAT(Report(), HasSubstr("fault: pod: kubernetes.token_file: "));
  EXPECT_THAT(Report(), Not(HasSubstr("a.b.c")));
}

TEST_F(DoctorTest, NamesAServerThatDoesNotAnswer) {
  WriteFile(scratch_ / "signetd.sock", "");
  EXPECT_THAT(Report(), HasSubstr("fault: unix:" + (scratch_ / "signetd.sock") + ": cannot reach signetd"));
}

}  // namespace
}  // namespace signet::slurm
