#include "tests/contract/slurm_harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

// A shell script as a site would write it.
class SlurmHarness : public testing::Test {
 protected:
  SlurmHarness() {
    std::string pattern = "/tmp/signet-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    call_.path = directory_ + "/script";
    call_.uid = geteuid();
    call_.gid = getegid();
  }
  ~SlurmHarness() override { std::filesystem::remove_all(directory_); }
  ScriptResult Run(const std::string& body) {
    WriteAll(call_.path, "#!/bin/sh\n" + body);
    chmod(call_.path.c_str(), 0755);
    return RunScript(call_);
  }
  std::string directory_;
  ScriptCall call_;
};

TEST_F(SlurmHarness, MergesStderrIntoTheOutputAndNeverTrims) {
  const ScriptResult result = Run("echo warning >&2; printf ' token\\n\\n'");
  EXPECT_TRUE(result.gave_output());
  EXPECT_EQ(result.output, "warning\n token\n\n");
}

TEST_F(SlurmHarness, CutsTheOutputAtANul) { EXPECT_EQ(Run("printf 'abc\\000def'").output, "abc"); }

TEST_F(SlurmHarness, PassesPathAndNothingElseOfTheEnvironment) {
  EXPECT_EQ(Run("tr '\\0' '\\n' < /proc/$$/environ | cut -d= -f1").output, "PATH\n");
}

TEST_F(SlurmHarness, ClosesEveryOtherDescriptorAndGivesAnEmptyStdin) {
  const int leaked = fcntl(0, F_DUPFD, 77);
  const ScriptResult result = Run("cat; test -e /proc/$$/fd/" + std::to_string(leaked) + " && echo leaked; echo end");
  close(leaked);
  EXPECT_EQ(result.output, "end\n");
}

TEST_F(SlurmHarness, PassesArgumentsAsTheyAre) {
  call_.args = {"n1", "", "a b\n"};
  EXPECT_EQ(Run("printf '<%s>' \"$@\"").output, "<n1><><a b\n>");
}

TEST_F(SlurmHarness, TakesEmptyOutputWithExitZeroAsAnErrorButNotForValidateNode) {
  const ScriptResult result = Run("exit 0");
  EXPECT_FALSE(result.gave_output());
  EXPECT_TRUE(result.said_valid());
}

TEST_F(SlurmHarness, KillsTheWholeGroupWhenTheTimeIsOver) {
  call_.limit = std::chrono::milliseconds(300);
  const ScriptResult result = Run("sleep 60 & echo $!; sleep 60");
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.said_valid());
  ASSERT_FALSE(result.output.empty());
  // Ended, though perhaps nobody has collected it yet.
  const std::string stat = ReadAll("/proc/" + std::to_string(std::stoi(result.output)) + "/stat");
  EXPECT_TRUE(stat.empty() || stat.find(") Z ") != std::string::npos) << stat;
}

TEST_F(SlurmHarness, TakesAValidateNodeThatExitsZeroOnSigtermAsValid) {
  call_.limit = std::chrono::milliseconds(300);
  const ScriptResult result = Run("trap 'kill $!; exit 0' TERM; echo waiting; sleep 60 & wait");
  EXPECT_TRUE(result.timed_out);
  EXPECT_TRUE(result.said_valid()) << result.Describe();
  EXPECT_FALSE(result.gave_output());
}

TEST_F(SlurmHarness, SaysWhenAScriptCannotBeStarted) {
  call_.path = directory_ + "/absent";
  EXPECT_TRUE(RunScript(call_).could_not_start);
  EXPECT_FALSE(RunScript(call_).said_valid());
}

}  // namespace
}  // namespace signet::contract
