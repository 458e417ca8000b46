#include "adapters/slurm/pod_token.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "services/base/reason.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

TEST(PodToken, IsReadThroughTheKubeletsLinksWithoutItsLineEnd) {
  const Scratch scratch;
  WriteFile(scratch / "data", "a.b.c\n", 0440);
  ASSERT_EQ(symlink("data", (scratch / "token").c_str()), 0);
  const auto token = ReadPodToken(scratch / "token");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->ExposeSecret(), "a.b.c");
}

TEST(PodToken, AnAbsentFileMeansThatThisIsNotKubernetes) {
  EXPECT_TRUE(absl::IsNotFound(ReadPodToken("/nonexistent/token").status()));
}

TEST(PodToken, RefusesAFileThatOthersCanReadAndSaysWhatToSet) {
  const Scratch scratch;
  WriteFile(scratch / "token", "a.b.c", 0644);
  const absl::Status refused = ReadPodToken(scratch / "token").status();
  EXPECT_EQ(base::ReasonOf(refused), base::kConfiguration);
  EXPECT_NE(base::NextOf(refused).find("defaultMode: 0400"), std::string::npos);
  EXPECT_EQ(refused.message().find("a.b.c"), absl::string_view::npos);
}

TEST(PodToken, RefusesWhatCannotBeAToken) {
  const Scratch scratch;
  for (const std::string& content : {std::string(), std::string("\n"), std::string("a b"), std::string("a\nb"),
                                     std::string("\xff"), std::string(16 * 1024 + 1, 'x'), std::string(100000, 'x')}) {
    WriteFile(scratch / "token", content, 0400);
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadPodToken(scratch / "token").status())) << content.size();
    ASSERT_EQ(unlink((scratch / "token").c_str()), 0);
  }
  WriteFile(scratch / "token", std::string(16 * 1024, 'x') + "\n", 0400);
  EXPECT_TRUE(ReadPodToken(scratch / "token").ok());
}

}  // namespace
}  // namespace signet::slurm
