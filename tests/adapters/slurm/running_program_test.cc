#include "adapters/slurm/running_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class RunningProgramTest : public testing::Test {
 protected:
  // A process that began `age` ago. `ids`: its process ids, from this namespace down.
  void Place(int pid, const std::string& name, absl::Duration age, const std::string& ids = "7") const {
    timespec since_boot = {};
    ASSERT_EQ(clock_gettime(CLOCK_BOOTTIME, &since_boot), 0);
    const absl::Duration start = absl::DurationFromTimespec(since_boot) - age;
    std::string stat = absl::StrCat(pid, " (", name, ") S");
    for (int field = 4; field < 22; ++field) absl::StrAppend(&stat, " ", field);
    absl::StrAppend(&stat, " ", absl::ToInt64Milliseconds(start) * sysconf(_SC_CLK_TCK) / 1000, " 23 24\n");
    const std::string entry = absl::StrCat(scratch_.path(), "/", pid);
    ASSERT_EQ(mkdir(entry.c_str(), 0755), 0);
    WriteFile(entry + "/stat", stat);
    WriteFile(entry + "/status", absl::StrCat("Name:\t", name, "\nNSpid:\t", ids, "\nThreads:\t1\n"));
  }
  std::vector<std::string> Found(const std::vector<std::string>& names) const {
    std::vector<std::string> found;
    const auto programs = FindPrograms(names, scratch_.path());
    EXPECT_TRUE(programs.ok()) << programs.status();
    for (const RunningProgram& program : *programs) found.push_back(program.name);
    return found;
  }

  const Scratch scratch_;
};

TEST_F(RunningProgramTest, TellsNameAndStart) {
  const absl::Time before = absl::Now();
  Place(77, "slurmctld", absl::Seconds(5));
  const absl::Time after = absl::Now();
  const auto program = ObserveProgram(77, scratch_.path());
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->name, "slurmctld");
  // A tick is ten milliseconds, and clocks are slewed.
  EXPECT_GE(program->started_at, before - absl::Seconds(5) - absl::Milliseconds(50));
  EXPECT_LE(program->started_at, after - absl::Seconds(5) + absl::Milliseconds(50));
}

TEST_F(RunningProgramTest, IsNotMisledByAHostileName) {
  Place(77, "x) S (slurmctld", absl::Seconds(1));
  EXPECT_EQ(ObserveProgram(77, scratch_.path())->name, "x) S (slurmctld");
  EXPECT_EQ(Found({"slurmctld"}), std::vector<std::string>());
}

TEST_F(RunningProgramTest, KnowsNothingOfAnAbsentOrGarbledProcess) {
  EXPECT_FALSE(ObserveProgram(77, scratch_.path()).ok());
  Place(77, "slurmctld", absl::Seconds(1));
  for (const char* stat : {"", "77 (slurmctld) S 1 2 3", "slurmctld", "77 )slurmctld( S"}) {
    WriteFile(scratch_ / "77/stat", stat);
    EXPECT_FALSE(ObserveProgram(77, scratch_.path()).ok()) << stat;
  }
}

TEST_F(RunningProgramTest, FindsEveryProcessOfThoseNames) {
  Place(10, "slurmd", absl::Seconds(1));
  Place(11, "slurmdbd", absl::Seconds(2));
  Place(12, "slurmdbd", absl::Seconds(3));
  Place(13, "bash", absl::Seconds(3));
  WriteFile(scratch_ / "uptime", "1 2");
  EXPECT_THAT(Found({"slurmdbd"}), ElementsAre("slurmdbd", "slurmdbd"));
  EXPECT_THAT(Found({"slurmd", "slurmdbd", "sackd"}), UnorderedElementsAre("slurmd", "slurmdbd", "slurmdbd"));
}

TEST_F(RunningProgramTest, PassesOverAContainersProcess) {
  Place(10, "slurmdbd", absl::Seconds(1), "10\t1");
  EXPECT_THAT(Found({"slurmdbd"}), ElementsAre());
}

TEST_F(RunningProgramTest, SeesThisProcessAndSaysWhenProcIsAbsent) {
  EXPECT_LE(ObserveProgram(getpid())->started_at, absl::Now());
  EXPECT_FALSE(FindPrograms({"slurmd"}, scratch_ / "absent").ok());
}

}  // namespace
}  // namespace signet::slurm
