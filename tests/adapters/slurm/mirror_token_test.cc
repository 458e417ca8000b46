#include "adapters/slurm/mirror_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/base/reason.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

constexpr char kToken[] = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnLW5f";

class MirrorTokenTest : public testing::Test {
 protected:
  MirrorTokenTest() {
    // As the kubelet lays it out.
    WriteFile(scratch_ / "data", std::string(kToken) + "\n", 0444);
    EXPECT_EQ(symlink("data", from_.c_str()), 0);
  }
  absl::Status Mirror() const { return MirrorToken(from_, to_).status(); }
  static mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  const Scratch scratch_;
  const std::string from_ = scratch_ / "from";
  const std::string to_ = scratch_ / "to";
};

TEST_F(MirrorTokenTest, TheCopyIsItsOwnersAloneAndFollowsTheOriginal) {
  ASSERT_EQ(*MirrorToken(from_, to_), to_ + ": written\n");
  EXPECT_EQ(ReadFile(to_), kToken);
  EXPECT_EQ(ModeOf(to_), 0400u);
  EXPECT_EQ(*MirrorToken(from_, to_), "");
  const std::string next = std::string(kToken) + "2";
  WriteFile(scratch_ / "data2", next, 0444);
  ASSERT_EQ(unlink(from_.c_str()), 0);
  ASSERT_EQ(symlink("data2", from_.c_str()), 0);
  ASSERT_TRUE(Mirror().ok());
  EXPECT_EQ(ReadFile(to_), next);
}

TEST_F(MirrorTokenTest, ACopyThatOthersCouldReadIsMadeAnew) {
  WriteFile(to_, kToken, 0644);
  ASSERT_TRUE(Mirror().ok());
  EXPECT_EQ(ModeOf(to_), 0400u);
}

TEST_F(MirrorTokenTest, ALinkAtTheTargetIsNeitherFollowedNorReplaced) {
  WriteFile(scratch_ / "victim", "x");
  ASSERT_EQ(symlink("victim", to_.c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Mirror()));
  EXPECT_EQ(ReadFile(scratch_ / "victim"), "x");
  struct stat info = {};
  ASSERT_EQ(lstat(to_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

TEST_F(MirrorTokenTest, ADirectoryOrAnothersFileAtTheTargetIsRefused) {
  ASSERT_EQ(mkdir(to_.c_str(), 0700), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Mirror()));
  ASSERT_EQ(rmdir(to_.c_str()), 0);
  if (geteuid() == 0) {
    WriteFile(to_, "x");
    ASSERT_EQ(chown(to_.c_str(), 12345, 12345), 0);
    EXPECT_TRUE(absl::IsFailedPrecondition(Mirror()));
    EXPECT_EQ(ReadFile(to_), "x");
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(MirrorToken(from_, scratch_ / "data/to").status()));
}

TEST_F(MirrorTokenTest, OnlyWhatCanBeATokenIsCopiedAndNoneOfItIsQuoted) {
  for (const std::string& content :
       {std::string(), std::string("a.b.c"), std::string("eyJ.eyJ"), std::string("eyJ.eyJ.c.d"), std::string("eyJ..c"),
        std::string("eyJ.b.c d"), std::string("eyJ.b.c\nd.e"), "eyJ." + std::string(16 * 1024, 'x') + ".c",
        std::string("-----BEGIN PRIVATE KEY-----")}) {
    WriteFile(scratch_ / "data", content, 0644);
    const absl::Status refused = Mirror();
    EXPECT_EQ(base::ReasonOf(refused), base::kConfiguration) << content.size();
    EXPECT_EQ(refused.message().find("PRIVATE"), absl::string_view::npos);
  }
  EXPECT_NE(access(to_.c_str(), F_OK), 0);
  ASSERT_EQ(unlink(from_.c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Mirror()));
}

}  // namespace
}  // namespace signet::slurm
