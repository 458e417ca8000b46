#include "adapters/slurm/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "services/base/reason.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;

class ReportTest : public testing::Test {
 protected:
  ReportTest() { WriteFile(config_.ca_cert_file, TestAuthority().root.pem()); }
  absl::StatusOr<v1::HostReport> Make(const std::string& program, const std::vector<RunningProgram>& daemons) const {
    return MakeReport(config_, "login1", program, daemons);
  }
  std::string Words(const std::string& program, const std::vector<RunningProgram>& daemons) const {
    const auto report = Make(program, daemons);
    return report.ok() ? DescribeReport(*report, config_.ca_cert_file) : ErrorLine("report", report.status());
  }

  const Scratch scratch_;
  const Config config_ = ConfigIn(scratch_);
  const absl::Time before_ = absl::Now() - absl::Hours(1);
  const absl::Time later_ = absl::Now() + absl::Minutes(1);
};

TEST_F(ReportTest, AHostWithoutADaemonReadsItsFileEachTime) {
  EXPECT_EQ(Make(kCommandsOnly, {})->loaded_evidence(), v1::LOADED_EVIDENCE_READ_EACH_TIME);
  EXPECT_EQ(Words(kCommandsOnly, {}), "reported for login1: " + config_.ca_cert_file +
                                          ", not written by signet, which every command reads at its start\n");
}

TEST_F(ReportTest, AHostWithADaemonIsNoSuchHost) {
  EXPECT_THAT(Words(kCommandsOnly, {{"slurmd", later_}}), HasSubstr("slurmd runs on this host"));
  EXPECT_THAT(Words(kCommandsOnly, {{"sackd", later_}}), HasSubstr("disable --now signet-slurm-report.timer"));
  EXPECT_THAT(Words(kCommandsOnly, {{"slurmdbd", later_}}), HasSubstr("; signet-slurm report --program slurmdbd\n"));
}

TEST_F(ReportTest, ADaemonIsJudgedByItsOwnProcessesAlone) {
  const std::vector<RunningProgram> daemons = {{"slurmctld", before_}, {"slurmdbd", later_}};
  EXPECT_EQ(Make("slurmdbd", daemons)->loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  EXPECT_THAT(Words("slurmdbd", daemons), HasSubstr("which slurmdbd has loaded"));
  EXPECT_EQ(Make("slurmctld", daemons)->loaded_evidence(), v1::LOADED_EVIDENCE_UNSPECIFIED);
  EXPECT_THAT(Words("slurmctld", daemons), HasSubstr("; scontrol reconfigure\n"));
  EXPECT_THAT(Words("slurmrestd", {{"slurmrestd", before_}}), HasSubstr("; systemctl restart slurmrestd\n"));
}

TEST_F(ReportTest, NamesADaemonThatDoesNotRun) {
  EXPECT_THAT(Words("slurmdbd", {{"slurmctld", later_}}), HasSubstr("no slurmdbd runs on this host; systemctl status"));
}

TEST_F(ReportTest, HasNothingToTellWithoutAFileOrAName) {
  EXPECT_EQ(base::ReasonOf(MakeReport(config_, "", kCommandsOnly, {}).status()), base::kConfiguration);
  ASSERT_EQ(unlink(config_.ca_cert_file.c_str()), 0);
  EXPECT_THAT(Words(kCommandsOnly, {}), HasSubstr("; signet-slurm refresh\n"));
}

TEST(ParseReport, TakesAServiceAndNothingElse) {
  EXPECT_EQ(*ParseReport({}), kCommandsOnly);
  EXPECT_EQ(*ParseReport({"--program", "slurmdbd"}), "slurmdbd");
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"slurmdbd"}, {"--program"}, {"--program", "slurmd"}, {"--program", "host"}, {"--host", "login1"}}) {
    EXPECT_EQ(base::ReasonOf(ParseReport(wrong).status()), base::kMalformed);
  }
}

}  // namespace
}  // namespace signet::slurm
