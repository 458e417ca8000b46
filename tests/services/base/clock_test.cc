#include "services/base/clock.h"

#include "gtest/gtest.h"

namespace signet::base {
namespace {

TEST(FakeClock, StandsStillUntilTold) {
  const absl::Time start = absl::FromUnixSeconds(1700000000);
  FakeClock clock(start);
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Hours(2));
  EXPECT_EQ(clock.Now(), start + absl::Hours(2));
  clock.Advance(-absl::Hours(3));
  EXPECT_EQ(clock.Now(), start - absl::Hours(1));
  clock.Set(start);
  EXPECT_EQ(clock.Now(), start);
}

}  // namespace
}  // namespace signet::base
