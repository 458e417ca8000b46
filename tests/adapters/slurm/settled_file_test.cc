#include "adapters/slurm/settled_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "tests/adapters/slurm/scratch.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

absl::Time ChangeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return absl::TimeFromTimespec(info.st_ctim);
}

class SettledFileTest : public testing::Test {
 protected:
  // Older than anything that a test makes.
  const std::string old_file_ = std::string(SIGNET_SOURCE_DIR) + "/tests/golden/certmgr_state.26.05";
  const Scratch scratch_;
};

TEST_F(SettledFileTest, IsAMarginAfterTheLastChange) {
  const std::string path = scratch_ / "file";
  WriteFile(path, "one");
  EXPECT_EQ(*SettledAt(path), ChangeOf(path) + kSettles);
  absl::SleepFor(absl::Milliseconds(20));
  const absl::Time before = *SettledAt(path);
  ASSERT_EQ(rename(path.c_str(), (scratch_ / "moved").c_str()), 0);
  WriteFile(path, "two");
  EXPECT_GT(*SettledAt(path), before);
}

TEST_F(SettledFileTest, AFilesOwnTimesCanBeSetBackButNotItsChange) {
  const std::string path = scratch_ / "file";
  WriteFile(path, "one");
  const absl::Time written = ChangeOf(path);
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), long_ago, 0), 0);
  EXPECT_GE(*SettledAt(path), written + kSettles);
}

TEST_F(SettledFileTest, ALinkThatWasTurnedBringsAnotherFile) {
  const std::string link = scratch_ / "ca_cert.pem";
  ASSERT_EQ(symlink(old_file_.c_str(), link.c_str()), 0);
  EXPECT_EQ(*SettledAt(link), ChangeOf(link) + kSettles);
  EXPECT_LT(*SettledAt(old_file_), *SettledAt(link));
}

// As a ConfigMap is mounted: file -> ..data/file, ..data -> a directory with a date.
TEST_F(SettledFileTest, ALinkOnTheWayCounts) {
  ASSERT_EQ(mkdir((scratch_ / "..2026").c_str(), 0755), 0);
  WriteFile(scratch_ / "..2026/ca_cert.pem", "one");
  ASSERT_EQ(symlink("..data/ca_cert.pem", (scratch_ / "ca_cert.pem").c_str()), 0);
  absl::SleepFor(absl::Milliseconds(20));
  ASSERT_EQ(symlink("./..2026", (scratch_ / "..data").c_str()), 0);
  EXPECT_EQ(*SettledAt(scratch_ / "ca_cert.pem"), ChangeOf(scratch_ / "..data") + kSettles);
  ASSERT_EQ(mkdir((scratch_ / "sub").c_str(), 0755), 0);
  ASSERT_EQ(symlink("../sub/../ca_cert.pem", (scratch_ / "sub/up").c_str()), 0);
  EXPECT_EQ(*SettledAt(scratch_ / "sub/up"), ChangeOf(scratch_ / "sub/up") + kSettles);
}

TEST_F(SettledFileTest, KnowsNothingOfWhatIsNoFile) {
  EXPECT_TRUE(absl::IsNotFound(SettledAt(scratch_ / "absent").status()));
  EXPECT_FALSE(SettledAt(scratch_.path()).ok());
  EXPECT_FALSE(SettledAt(scratch_.path() + "/.").ok());
  EXPECT_FALSE(SettledAt("/").ok());
  ASSERT_EQ(symlink("b", (scratch_ / "a").c_str()), 0);
  ASSERT_EQ(symlink("a", (scratch_ / "b").c_str()), 0);
  EXPECT_FALSE(SettledAt(scratch_ / "a").ok());
  ASSERT_EQ(mkfifo((scratch_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(SettledAt(scratch_ / "fifo").ok());
}

}  // namespace
}  // namespace signet::slurm
