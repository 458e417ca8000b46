// The systemd units of packaging/, judged by systemd itself.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_replace.h"
#include "tests/adapters/slurm/scratch.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

constexpr char kVerifier[] = "/usr/bin/systemd-analyze";

class UnitsTest : public testing::Test {
 protected:
  // Slurm's own units stand in as the least that a drop-in can be merged with.
  UnitsTest() {
    for (const std::string daemon : {"slurmd", "sackd"}) {
      WriteFile(scratch_ / (daemon + ".service"), "[Service]\nType=notify\nExecStart=/bin/true\n");
      std::filesystem::create_directory(scratch_ / (daemon + ".service.d"));
      Place(daemon + ".service.d/signet.conf");
    }
    Place("signet-slurm-refresh.service");
    Place("signet-slurm-refresh.timer");
    Place("signet-slurm-report.service");
    Place("signet-slurm-report.timer");
  }
  static std::string Shipped(const std::string& name) {
    return ReadFile(std::string(SIGNET_SOURCE_DIR) + "/packaging/" + name);
  }
  void Place(const std::string& name) {
    const std::string text = Shipped(name);
    EXPECT_NE(text, "") << name;
    // The verifier looks for each program.
    WriteFile(scratch_ / name, absl::StrReplaceAll(text, {{"/usr/bin/signet-slurm", SIGNET_SLURM}}));
  }
  Outcome Verify(const std::string& unit) const {
    return RunProgram(kVerifier, {kVerifier, "verify", "--man=no", scratch_ / unit}, {.merge = true});
  }

  const Scratch scratch_;
};

TEST_F(UnitsTest, SystemdFindsNoFaultInThem) {
  for (const char* unit : {"slurmd.service", "sackd.service", "signet-slurm-refresh.service",
                           "signet-slurm-refresh.timer", "signet-slurm-report.service", "signet-slurm-report.timer"}) {
    const Outcome outcome = Verify(unit);
    EXPECT_EQ(outcome.exit_code, 0) << unit;
    EXPECT_EQ(outcome.out, "") << unit;
  }
  WriteFile(scratch_ / "slurmd.service.d/signet.conf", "[Service]\nRestrt=always\n");
  EXPECT_NE(Verify("slurmd.service").out, "") << "the verifier reads the drop-in";
}

TEST_F(UnitsTest, NoTimerAsksFromEveryHostAtOnce) {
  for (const char* timer : {"signet-slurm-refresh.timer", "signet-slurm-report.timer"}) {
    EXPECT_NE(Shipped(timer).find("\nRandomizedDelaySec="), std::string::npos) << timer;
  }
}

TEST_F(UnitsTest, NothingBeforeSlurmdCanKeepItFromStarting) {
  for (const char* daemon : {"slurmd", "sackd"}) {
    const std::string text = "\n" + Shipped(std::string(daemon) + ".service.d/signet.conf");
    EXPECT_NE(text.find("\nStartLimitIntervalSec=0\n"), std::string::npos);
    EXPECT_NE(text.find("\nRestart=on-failure\n"), std::string::npos);
    std::size_t commands = 0;
    for (std::size_t at = text.find("\nExecStartPre="); at != std::string::npos;
         at = text.find("\nExecStartPre=", at + 1)) {
      EXPECT_EQ(text.substr(at + 14, 1), "-") << "a failure must not count";
      ++commands;
    }
    EXPECT_GE(commands, 1u) << daemon;
  }
}

}  // namespace
}  // namespace signet::slurm
