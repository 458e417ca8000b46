#include "cli/staged_files.h"

#include <gmock/gmock.h>

#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;

class StagedFilesTest : public CliTest {
 protected:
  StagedFilesTest() { std::filesystem::create_directory(Path("etc")); }
  void Stage() {
    ASSERT_TRUE(staged_.Add(Path("etc/key"), "new key", {.mode = 0600}).ok());
    ASSERT_TRUE(staged_.Add(Path("etc/cert"), "new cert", {.mode = 0644}).ok());
  }
  StagedFiles staged_;
};

TEST_F(StagedFilesTest, CommitReplacesAllAndLeavesNothingElse) {
  Write("etc/key", "old key");
  Write("etc/key.signetctl-old", "of a run that was killed");
  Stage();
  ASSERT_TRUE(staged_.Commit().ok());
  EXPECT_EQ(Read("etc/key"), "new key");
  EXPECT_EQ(Read("etc/cert"), "new cert");
  EXPECT_EQ(FilesIn("etc"), 2);
}

TEST_F(StagedFilesTest, AFailedSecondRenamePutsTheFirstFileBack) {
  Write("etc/key", "old key");
  Write("etc/cert", "old cert");
  Stage();
  std::filesystem::remove(Path("etc/cert.signetctl-new"));
  const absl::Status status = staged_.Commit();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("the old files are in place"));
  EXPECT_EQ(Read("etc/key"), "old key");
  EXPECT_EQ(Read("etc/cert"), "old cert");
  EXPECT_EQ(FilesIn("etc"), 2);
}

TEST_F(StagedFilesTest, AFailedSecondRenameRemovesAFirstFileThatIsNew) {
  Stage();
  std::filesystem::remove(Path("etc/cert.signetctl-new"));
  EXPECT_FALSE(staged_.Commit().ok());
  EXPECT_EQ(FilesIn("etc"), 0);
}

TEST_F(StagedFilesTest, WithoutASecondNameForTheOldFileNothingIsReplaced) {
  Write("etc/key", "old key");
  Stage();
  std::filesystem::create_directory(Path("etc/cert"));
  EXPECT_FALSE(staged_.Commit().ok());
  EXPECT_EQ(Read("etc/key"), "old key");
  EXPECT_FALSE(Exists("etc/key.signetctl-old"));
}

}  // namespace
}  // namespace signet::cli
