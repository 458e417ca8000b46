#include "adapters/slurm/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/slurm/enrolment.h"
#include "adapters/slurm/host_report.h"
#include "adapters/slurm/report.h"
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
    PlaceBundle({authority_.root});
    EXPECT_TRUE(Enrolment(config_, host_, clock_, deadline_).NodeToken("n1").ok());
  }
  void PlaceBundle(const std::vector<x509::Certificate>& anchors) {
    bundle::Bundle fields;
    fields.cluster = "alpha";
    fields.generation = 1;
    fields.ca_cert_pem = *bundle::RenderCaFile(anchors);
    fields.created_at = absl::FromUnixMillis(absl::ToUnixMillis(now_));
    WriteFile(scratch_ / "signet-bundle", *bundle::Sign(fields, bundle_key_));
    WriteFile(config_.ca_cert_file, fields.ca_cert_pem);
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

TEST_F(DoctorTest, NotesAnOldRootThatExpired) {
  PlaceBundle({TestAuthority(now_ - absl::Hours(48), now_ - absl::Hours(1)).root, authority_.root});
  EXPECT_THAT(Report(), HasSubstr("note: " + config_.ca_cert_file + " is one that Slurm can read, though"));
  EXPECT_THAT(Report(), HasSubstr("certificate 1: expired at "));
  EXPECT_THAT(Report(), HasSubstr("ok: the trust bundle verifies"));
  EXPECT_THAT(Report(), Not(HasSubstr("fault: ")));
}

class DoctorOfSpoolTest : public DoctorTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "pre-start runs as root";
    ASSERT_EQ(mkdir(config_.slurmd_spool_dir.c_str(), 0755), 0);
    // Files are written after the clock was read, and a file from the future is a doubt.
    now_ += absl::Minutes(1);
  }
  void PlaceState(absl::Time not_after) {
    const keys::PrivateKey key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
    WriteFile(state_,
              PackCertmgrState(0x2d00, now_ - absl::Hours(12),
                               authority_.Issue(key.public_key(), "n1", now_ - absl::Hours(48), not_after),
                               std::string(key.ToPem()->ExposeSecret())),
              0600);
  }
  const std::string state_ = config_.slurmd_spool_dir + "/certmgr_state";
};

TEST_F(DoctorOfSpoolTest, TellsWhatPreStartWillDo) {
  EXPECT_THAT(Report(), HasSubstr("ok: " + state_ + ": there is none"));
  PlaceState(now_ + absl::Hours(24));
  EXPECT_THAT(Report(), HasSubstr("ok: " + state_ + ": its certificate is good until "));
  PlaceState(now_ - absl::Hours(1));
  EXPECT_THAT(Report(), HasSubstr("note: " + state_ + ": pre-start will move it aside: its certificate expired at "));
  EXPECT_THAT(Report(), Not(HasSubstr("fault: ")));
  EXPECT_EQ(access(state_.c_str(), F_OK), 0);
}

TEST_F(DoctorOfSpoolTest, NamesAnExpiredCertificateThatPreStartWouldLeaveAlone) {
  ASSERT_EQ(unlink((scratch_ / "signet-bundle").c_str()), 0);
  PlaceState(now_ + absl::Hours(24));
  EXPECT_THAT(Report(), HasSubstr("note: " + state_ + ": pre-start would leave it alone: no verified trust bundle"));
  PlaceState(now_ - absl::Hours(1));
  EXPECT_THAT(Report(),
              HasSubstr("fault: " + state_ + ": its certificate is over, and pre-start would leave it alone"));
  EXPECT_THAT(Report(), HasSubstr("; mv " + state_ + " " + state_ + ".signet-aside"));
}

TEST_F(DoctorOfSpoolTest, NamesWhatPreStartMayNotTouch) {
  PlaceState(now_ + absl::Hours(24));
  ASSERT_EQ(chown(config_.slurmd_spool_dir.c_str(), 65534, 65534), 0);
  EXPECT_THAT(Report(), HasSubstr("fault: " + state_ + ": pre-start would leave it alone: " + config_.slurmd_spool_dir +
                                  " belongs to uid 65534"));
  EXPECT_THAT(Report(), HasSubstr("; chown 0 " + config_.slurmd_spool_dir + "\n"));
}

TEST_F(DoctorOfSpoolTest, NamesASpoolDirectoryThatIsAbsent) {
  ASSERT_EQ(rmdir(config_.slurmd_spool_dir.c_str()), 0);
  EXPECT_THAT(Report(),
              HasSubstr("note: pre-start finds nothing to judge: " + config_.slurmd_spool_dir + " is absent"));
  EXPECT_THAT(Report(), HasSubstr("SlurmdSpoolDir"));
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

TEST_F(DoctorTest, NotesAHostOfWhichNobodyTells) {
  config_.state_dir = scratch_ / "no_state";
  const auto nothing_runs = [] { return FindPrograms(SlurmDaemons())->empty(); };
  if (!nothing_runs()) GTEST_SKIP() << "a daemon of Slurm runs on this host";
  const std::string report = Report();
  if (!nothing_runs()) GTEST_SKIP() << "a daemon of Slurm has started on this host";
  EXPECT_THAT(report, HasSubstr("nothing tells signetd which trust bundle this host has; "
                                "systemctl enable --now signet-slurm-report.timer"));
}

TEST_F(DoctorTest, LooksAtTheCertificateOfAServiceThatRunsHere) {
  prctl(PR_SET_NAME, "slurmdbd");
  const std::string file = ServiceFiles(config_, "slurmdbd").front();
  EXPECT_THAT(Report(), Not(HasSubstr(file))) << "it may have one from elsewhere";
  WriteFile(file, "garbage");
  EXPECT_THAT(Report(), HasSubstr("fault: " + file + ", of slurmdbd: "));
  prctl(PR_SET_NAME, "slurm_test");
  EXPECT_THAT(Report(), Not(HasSubstr(file)));
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
