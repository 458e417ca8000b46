// What the status says where more than one thing stands.
#include "services/authority/gate_words.h"
#include "tests/services/authority/rotation_fixture.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StandingTest : public RotationTest {
 protected:
  Standing Stand() { return Must(world.rotation->Stand()); }
};

TEST_F(StandingTest, OfTwoThatArePreparedItNamesTheWayToTakeOneBack) {
  const std::string first = Prepare();
  const std::string second = Prepare();
  EXPECT_EQ(Stand().authority_id, first);
  EXPECT_THAT(Stand().summary,
              HasSubstr("Slurm CA 3 is prepared too: signetctl authority withdraw " + ShortId(second)));
  EXPECT_EQ(Stand().next, "signetctl authority activate " + ShortId(first));
}

TEST_F(StandingTest, BesideAPreparedOneItTellsOfTheRetiredOne) {
  const std::string retired = ActiveId();
  Rotate();
  Prepare();
  EXPECT_THAT(Stand().summary, HasSubstr("Slurm CA is retired since 0m: job steps that began before"));
  world.clock.Advance(kHold);
  EXPECT_THAT(Stand().summary, HasSubstr("nobody needs it any more: signetctl authority revoke " + ShortId(retired)));
}

TEST_F(StandingTest, ItWarnsWhoHasNotLoadedTheNewRootBeforeItsCrossCertificateEnds) {
  Report("login1", "host", FileHash());
  const std::string active = Rotate();
  const absl::Time end = Crosses()[0].not_after;
  world.clock.Advance(end - world.clock.Now() - kPrepareWarning - absl::Seconds(1));
  EXPECT_THAT(Stand().warning, IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(Stand().warning, HasSubstr("the cross certificate by Slurm CA ends at " + TimeText(end) + " (in 90d)"));
  EXPECT_THAT(Stand().warning, HasSubstr("login1"));
  EXPECT_THAT(Stand().warning_next, HasSubstr("signet-slurm refresh"));
  Report("login1", "host", FileHash());
  EXPECT_THAT(Stand().warning, IsEmpty());
  Report("login1", "host", "");
  Ack(active, {"login1"});
  EXPECT_THAT(Stand().warning, IsEmpty());
  world.clock.Advance(kPrepareWarning);
  Report("login1", "host", "");
  EXPECT_THAT(Stand().warning, Not(HasSubstr("cross certificate"))) << "it has ended";
}

TEST_F(StandingTest, ACrossCertificateOfAShortLifeIsNoWarningWhenItIsNew) {
  Report("login1", "host", FileHash());
  Rotate();
  Must(world.store->Write([&](store::Tables& tables) -> absl::Status {
    store::CrossRow row = Must(tables.authorities().ListCrosses())[0];
    row.serial = "51";
    row.not_after = world.clock.Now() + absl::Hours(24 * 20);
    return tables.authorities().InsertCross(row);
  }));
  world.clock.Advance(absl::Hours(24 * 10) - absl::Seconds(1));
  EXPECT_THAT(Stand().warning, IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(Stand().warning, HasSubstr("(in 10d)"));
}

}  // namespace
}  // namespace signet::authority
