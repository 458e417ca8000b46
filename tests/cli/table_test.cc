#include "cli/table.h"

#include <gtest/gtest.h>

namespace signet::cli {
namespace {

TEST(Table, AlignsItsColumnsAndEndsLinesWithoutBlanks) {
  Table table({"NODE", "STATE"});
  table.Add({"n1", "ok"});
  table.Add({"login-001", ""});
  EXPECT_EQ(table.Text(), "NODE       STATE\nn1         ok\nlogin-001  -\n");
}

TEST(Table, KeepsACellOnItsLine) {
  Table table({"A"});
  table.Add({"x\ny\x1b[0m"});
  EXPECT_EQ(table.Text(), "A\nx y?[0m\n");
}

TEST(DurationText, NamesTheTwoLargestUnits) {
  EXPECT_EQ(DurationText(absl::Hours(24 * 6 + 2) + absl::Minutes(59)), "6d 2h");
  EXPECT_EQ(DurationText(absl::Seconds(190)), "3m 10s");
  EXPECT_EQ(DurationText(absl::Hours(24 * 365 * 10)), "10y");
  EXPECT_EQ(DurationText(absl::Milliseconds(3)), "0s");
  EXPECT_EQ(DurationText(-absl::Seconds(5)), "5s");
}

TEST(RelativeTime, KnowsPastFutureAndNever) {
  const absl::Time now = absl::FromUnixSeconds(1795300000);
  EXPECT_EQ(RelativeTime(now + absl::Hours(50), now), "in 2d 2h");
  EXPECT_EQ(RelativeTime(now - absl::Minutes(3), now), "3m ago");
  EXPECT_EQ(RelativeTime(FromProto({}), now), "never");
}

}  // namespace
}  // namespace signet::cli
