// How long the next authority can still be prepared.
#include "tests/services/authority/rotation_fixture.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PrepareByTest : public RotationTest {
 protected:
  Standing Stand() { return Must(world.rotation->Stand()); }
  // The hold and two leaf lifetimes.
  const absl::Time last_chance = world.Root().not_after() - absl::Hours(24 * 194);
};

TEST_F(PrepareByTest, IsTheDayOnWhichPrepareIsRefused) {
  EXPECT_EQ(Stand().prepare_by, last_chance);
  world.clock.Advance(last_chance - world.clock.Now());
  EXPECT_TRUE(world.rotation->Prepare({"", absl::ZeroDuration(), true}, world.origin).ok());
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(world.rotation->Prepare({"", absl::ZeroDuration(), true}, world.origin).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(PrepareByTest, IsToldNinetyDaysBeforeAndAfterIt) {
  world.clock.Advance(last_chance - kPrepareWarning - absl::Seconds(1) - world.clock.Now());
  EXPECT_THAT(Stand().warning, IsEmpty());
  EXPECT_THAT(Stand().warning_next, IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(Stand().warning, HasSubstr("the next one can be prepared until "));
  EXPECT_THAT(Stand().warning, HasSubstr("(in 90d)"));
  EXPECT_EQ(Stand().warning_next, "signetctl authority prepare");
  world.clock.Advance(kPrepareWarning + absl::Seconds(1));
  EXPECT_THAT(Stand().warning, HasSubstr("no other can be prepared"));
  EXPECT_THAT(Stand().warning_next, HasSubstr("rotation.hold"));
}

TEST_F(PrepareByTest, IsNotToldWhenOneIsPrepared) {
  world.clock.Advance(last_chance - world.clock.Now());
  Prepare();
  EXPECT_THAT(Stand().warning, IsEmpty());
}

}  // namespace
}  // namespace signet::authority
