#include "adapters/slurm/repetition.h"

#include <gtest/gtest.h>

#include "services/base/reason.h"

namespace signet::slurm {
namespace {

using Options = std::map<std::string, std::string>;

TEST(Repetition, OptionsArePairsOfKnownNames) {
  Options options = {{"--from", ""}, {"--to", ""}};
  ASSERT_TRUE(ParseOptions({"--to", "/b", "--from", "/a"}, &options).ok());
  EXPECT_EQ(options, (Options{{"--from", "/a"}, {"--to", "/b"}}));
  const std::vector<std::vector<std::string>> faults = {
      {"--from"}, {"--from", ""}, {"--other", "x"}, {"/a"}, {"--from", "/a", "--from", "/b"}, {"--from=/a", "x"}};
  for (const std::vector<std::string>& arguments : faults) {
    Options fresh = {{"--from", ""}, {"--to", ""}};
    EXPECT_EQ(base::ReasonOf(ParseOptions(arguments, &fresh)), base::kMalformed) << arguments.front();
  }
}

TEST(Repetition, APauseIsASecondToADay) {
  EXPECT_EQ(*ParsePause("--every", ""), absl::ZeroDuration());
  EXPECT_EQ(*ParsePause("--every", "60s"), absl::Minutes(1));
  EXPECT_EQ(*ParsePause("--every", "24h"), absl::Hours(24));
  for (const char* text : {"0s", "100ms", "25h", "60", "-5s", "s", "forever"}) {
    EXPECT_EQ(base::ReasonOf(ParsePause("--every", text).status()), base::kMalformed) << text;
  }
}

}  // namespace
}  // namespace signet::slurm
