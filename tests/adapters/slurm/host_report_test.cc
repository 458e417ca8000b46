#include "adapters/slurm/host_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

class HostReportTest : public testing::Test {
 protected:
  HostReportTest() {
    bundle::Bundle fields;
    fields.cluster = "alpha";
    fields.generation = 7;
    fields.previous_sha256 = std::string(32, 'p');
    fields.ca_cert_pem = *bundle::RenderCaFile({TestAuthority().root});
    fields.created_at = absl::FromUnixMillis(absl::ToUnixMillis(now_));
    WriteFile(scratch_ / "signet-bundle", *bundle::Sign(fields, bundle_key_));
    WriteFile(config_.ca_cert_file, fields.ca_cert_pem);
  }
  v1::HostReport Slurmdbd(const std::vector<absl::Time>& starts) const {
    std::vector<RunningProgram> processes;
    for (const absl::Time start : starts) processes.push_back({"slurmdbd", start});
    return ReportOfDaemon(config_, "head1", "slurmdbd", processes);
  }
  static void ExpectUnknown(const v1::HostReport& report) {
    EXPECT_FALSE(report.has_bundle_loaded());
    EXPECT_EQ(report.loaded_evidence(), v1::LOADED_EVIDENCE_UNSPECIFIED);
  }

  const Scratch scratch_;
  const Config config_ = ConfigIn(scratch_);
  const keys::PrivateKey bundle_key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  // Files are written after this, and settle a second later.
  const absl::Time now_ = absl::Now();
  const absl::Time later_ = now_ + absl::Minutes(1);
};

TEST_F(HostReportTest, ADaemonThatStartedLaterHasLoadedWhatIsOnDisk) {
  const v1::HostReport report = Slurmdbd({later_, later_ + absl::Hours(1)});
  EXPECT_EQ(report.host(), "head1");
  EXPECT_EQ(report.program(), "slurmdbd");
  EXPECT_NE(report.adapter_version(), "");
  EXPECT_EQ(report.bundle_on_disk().generation(), 7u);
  EXPECT_EQ(report.bundle_on_disk().sha256(), x509::Sha256(ReadFile(config_.ca_cert_file)));
  EXPECT_EQ(report.loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  EXPECT_EQ(report.bundle_loaded().generation(), 7u);
  EXPECT_EQ(report.bundle_loaded().sha256(), report.bundle_on_disk().sha256());
}

TEST_F(HostReportTest, ADaemonThatStartedBeforeOrHardlyAfterIsInDoubt) {
  for (const absl::Time start : {now_ - absl::Hours(1), now_, now_ + absl::Milliseconds(500), absl::InfinitePast()}) {
    const v1::HostReport report = Slurmdbd({start});
    ExpectUnknown(report);
    EXPECT_EQ(report.bundle_on_disk().generation(), 7u);
  }
}

TEST_F(HostReportTest, OneProcessThatStartedBeforeOrNoneIsADoubt) {
  ExpectUnknown(Slurmdbd({later_, now_ - absl::Hours(1)}));
  ExpectUnknown(Slurmdbd({}));
}

TEST_F(HostReportTest, TellsTheCertificateThatAProcessWhichStartedLaterServes) {
  const TestAuthority authority;
  const auto key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string chain =
      authority.Issue(key.public_key(), "slurmdbd", now_ - absl::Hours(1), now_ + absl::Hours(9)) +
      TestAuthority("Former CA").VouchFor(authority, now_ + absl::Hours(9));
  EXPECT_EQ(Slurmdbd({later_}).served_serial(), "") << "it may lie elsewhere";
  WriteFile(scratch_ / "dbd_cert.pem", chain);
  EXPECT_EQ(Slurmdbd({later_}).served_serial(), "") << "a certificate without its key is not served";
  WriteFile(scratch_ / "dbd_cert_key.pem", "not read", 0600);
  EXPECT_EQ(Slurmdbd({later_}).served_serial(), x509::Certificate::ListFromPem(chain)->front().serial());
  EXPECT_EQ(Slurmdbd({now_ - absl::Hours(1)}).served_serial(), "");
  EXPECT_EQ(Slurmdbd({}).served_serial(), "");
  EXPECT_EQ(ReportOfDaemon(config_, "head1", "slurmrestd", {{"slurmrestd", later_}}).served_serial(), "");
  WriteFile(scratch_ / "dbd_cert.pem", "garbage");
  EXPECT_EQ(Slurmdbd({later_}).served_serial(), "");
  EXPECT_EQ(Slurmdbd({later_}).loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
}

TEST_F(HostReportTest, TheFilesOfAMountedSecretAreAServicesOwn) {
  const TestAuthority authority;
  const auto key = keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string chain =
      authority.Issue(key->public_key(), "slurmctld", now_ - absl::Hours(1), now_ + absl::Hours(1));
  // As the kubelet lays it out.
  WriteFile(scratch_ / "data.crt", chain);
  WriteFile(scratch_ / "data.key", "key", 0640);
  Config config = config_;
  config.service_cert = scratch_ / "tls.crt";
  config.service_key = scratch_ / "tls.key";
  const auto served = [&](absl::Time started_at) {
    return ReportOfDaemon(config, "slurm-controller-0", "slurmctld", {{"slurmctld", started_at}}).served_serial();
  };
  EXPECT_EQ(served(later_), "");
  ASSERT_EQ(symlink("data.crt", config.service_cert.c_str()), 0);
  ASSERT_EQ(symlink("data.key", config.service_key.c_str()), 0);
  EXPECT_EQ(served(later_), x509::Certificate::ListFromPem(chain)->front().serial());
  EXPECT_EQ(served(now_ - absl::Hours(1)), "");
}

TEST_F(HostReportTest, NoFileIsNotLoaded) {
  ASSERT_EQ(unlink(config_.ca_cert_file.c_str()), 0);
  ExpectUnknown(Slurmdbd({later_}));
  ExpectUnknown(ReportOfCommands(config_, "login1"));
  EXPECT_EQ(ReportOfCommands(config_, "login1").bundle_on_disk().sha256(), "");
}

TEST_F(HostReportTest, CommandsReadTheFileEachTime) {
  const v1::HostReport report = ReportOfCommands(config_, "login1");
  EXPECT_EQ(report.program(), "host");
  EXPECT_EQ(report.loaded_evidence(), v1::LOADED_EVIDENCE_READ_EACH_TIME);
  EXPECT_EQ(report.bundle_loaded().generation(), 7u);
}

TEST_F(HostReportTest, AFileThatSignetDidNotWriteHasNoGeneration) {
  WriteFile(config_.ca_cert_file, TestAuthority().root.pem());
  const v1::HostReport report = Slurmdbd({later_});
  EXPECT_EQ(report.bundle_loaded().generation(), 0u);
  EXPECT_EQ(report.bundle_loaded().sha256(), x509::Sha256(ReadFile(config_.ca_cert_file)));
}

TEST_F(HostReportTest, AnotherParentThanSlurmctldProvesNothing) {
  const auto report = ReportOfSlurmctld(config_);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->program(), "slurmctld");
  EXPECT_EQ(report->bundle_on_disk().generation(), 7u);
  ExpectUnknown(*report);
}

}  // namespace
}  // namespace signet::slurm
