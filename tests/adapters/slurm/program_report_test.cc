// What the real program tells of its host, as slurmctld's child and when people run it.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "adapters/slurm/host.h"
#include "adapters/slurm/running_program.h"
#include "tests/adapters/slurm/program_fixture.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

class ProgramReportTest : public ProgramTest {
 protected:
  // The scripts' parent is this process.
  ProgramReportTest() {
    prctl(PR_GET_NAME, own_name_);
    prctl(PR_SET_NAME, "slurmctld");
  }
  ~ProgramReportTest() override { prctl(PR_SET_NAME, own_name_); }

  // Older than this process by far more than a margin.
  const std::string old_file_ = std::string(SIGNET_SOURCE_DIR) + "/tests/golden/certmgr_state.26.05.root.pem";
  char own_name_[17] = {};
};

TEST_F(ProgramReportTest, SignCsrAndValidateNodeTellWhatSlurmctldsHostHolds) {
  const auto server = Serve();
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"sign-csr", CsrPem()}, std::vector<std::string>{"validate-node", "n1", "good"}}) {
    const Outcome outcome = Run(call);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto report = server->last_report();
    ASSERT_TRUE(report.has_value()) << call[0];
    EXPECT_EQ(report->host(), ShortHostName());
    EXPECT_EQ(report->program(), "slurmctld");
    EXPECT_NE(report->adapter_version(), "");
    EXPECT_EQ(report->bundle_on_disk().sha256(), x509::Sha256(ReadFile(config_.ca_cert_file)));
    EXPECT_FALSE(report->has_bundle_loaded()) << "this process is older than the file";
    EXPECT_EQ(report->loaded_evidence(), v1::LOADED_EVIDENCE_UNSPECIFIED);
  }
}

TEST_F(ProgramReportTest, ASlurmctldThatStartedAfterTheFilesLastChangeHasLoadedIt) {
  const auto server = Serve();
  config_.ca_cert_file = old_file_;
  Configure();
  ASSERT_EQ(Run({"validate-node", "n1", "good"}).exit_code, 0);
  const auto report = server->last_report();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  EXPECT_EQ(report->bundle_loaded().sha256(), x509::Sha256(ReadFile(old_file_)));
  prctl(PR_SET_NAME, "wrapper");
  ASSERT_EQ(Run({"validate-node", "n1", "good"}).exit_code, 0);
  EXPECT_EQ(server->last_report()->loaded_evidence(), v1::LOADED_EVIDENCE_UNSPECIFIED);
  EXPECT_EQ(server->last_report()->bundle_on_disk().sha256(), x509::Sha256(ReadFile(old_file_)));
}

TEST_F(ProgramReportTest, AFileThatCannotBeReadFailsNoValidation) {
  const auto server = Serve();
  config_.ca_cert_file = scratch_ / "absent";
  Configure();
  EXPECT_EQ(Run({"validate-node", "n1", "good"}).exit_code, 0);
  EXPECT_FALSE(server->last_report()->has_bundle_loaded());
}

TEST_F(ProgramReportTest, PeopleReportADaemonByItsProcess) {
  const auto server = Serve();
  config_.ca_cert_file = old_file_;
  Configure();
  const Outcome outcome = Run({"signet-slurm", "report", "--program", "slurmctld"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "reported for " + ShortHostName() + ": " + old_file_ +
                             ", not written by signet, which slurmctld has loaded: it started later\n");
  EXPECT_EQ(server->last_report()->program(), "slurmctld");
  EXPECT_EQ(server->last_report()->loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  ExpectRefusal(Run({"signet-slurm", "report"}), "report");
  ExpectRefusal(Run({"signet-slurm", "report", "--program", "slurmd"}), "report");
}

TEST_F(ProgramReportTest, ARefusedReportIsAnError) {
  const auto server = Serve();
  server->refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not this host's certificate");
  const Outcome outcome = Run({"signet-slurm", "report", "--program", "slurmctld"});
  ExpectRefusal(outcome, "report");
  EXPECT_NE(outcome.err.find("not this host's certificate"), std::string::npos);
}

TEST_F(ProgramReportTest, AHostWithoutADaemonIsReportedAsSuch) {
  prctl(PR_SET_NAME, "bash");
  const auto server = Serve();
  const std::vector<std::string> daemons = {"slurmd", "sackd", "slurmctld", "slurmdbd", "slurmrestd"};
  if (!FindPrograms(daemons)->empty()) GTEST_SKIP() << "a daemon of Slurm runs on this host";
  const Outcome outcome = Run({"signet-slurm", "report"});
  if (!FindPrograms(daemons)->empty()) GTEST_SKIP() << "a daemon of Slurm has started on this host";
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(server->last_report()->program(), "host");
  EXPECT_EQ(server->last_report()->loaded_evidence(), v1::LOADED_EVIDENCE_READ_EACH_TIME);
}

}  // namespace
}  // namespace signet::slurm
