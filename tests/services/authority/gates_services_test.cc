#include "tests/services/authority/gates_fixture.h"

namespace signet::authority {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(GatesTest, AServiceIsOpenedByItsReportsAndByEachOfThem) {
  IssueService("slurmctld");
  Start();
  ASSERT_EQ(Names(Spreading()), "2:slurmctld ");
  EXPECT_THAT(Spreading()[0].cause, HasSubstr("never said"));
  EXPECT_THAT(Spreading()[0].next, HasSubstr("scontrol reconfigure && signetctl service renew slurmctld "));
  EXPECT_THAT(Spreading()[0].next, HasSubstr("signetctl rotation probe HOST --program slurmctld --authority "));
  Report("ctl1", "slurmctld", new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
  Report("ctl2", "slurmctld", old_file);
  ASSERT_EQ(Names(Spreading()), "2:slurmctld ");
  EXPECT_THAT(Spreading()[0].cause, HasSubstr("ctl2"));
  Report("ctl2", "slurmctld", "");
  ASSERT_EQ(Names(Spreading()), "2:slurmctld ");
  Report("ctl2", "slurmctld", new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AServiceIsOpenedByAProbeOrAnAcknowledgementByName) {
  IssueService("slurmdbd");
  IssueService("slurmrestd");
  Start();
  ASSERT_EQ(Names(Spreading()), "2:slurmdbd,slurmrestd ");
  EXPECT_EQ(Spreading()[0].count, 2);
  Probe(prepared, "db1", "slurmdbd", true);
  ASSERT_EQ(Names(Spreading()), "2:slurmrestd ");
  Ack(prepared, {"slurmrestd"});
  EXPECT_THAT(Spreading(), IsEmpty());
  Probe(prepared, "db2", "slurmdbd", false);
  ASSERT_EQ(Names(Spreading()), "2:slurmdbd ");
  world.clock.Advance(absl::Seconds(1));
  Ack(prepared, {"db2"});
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AServiceThatLoadedAFileNobodyHereKnowsSpeaksAgainstAnEarlierProbe) {
  IssueService("slurmdbd");
  Start();
  Report("db1", "slurmdbd", "");
  Probe(prepared, "db1", "slurmdbd", true);
  ASSERT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Report("db1", "slurmdbd", "");  // says nothing new
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Report("db1", "slurmdbd", std::string(32, 'f'));
  EXPECT_EQ(Names(Spreading()), "2:slurmdbd ");
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "db1", "slurmdbd", true);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, AServiceThatReportsCountsWithoutACertificateOfOurs) {
  Start();
  Report("ctl1", "slurmctld", old_file);
  EXPECT_EQ(Names(Spreading()), "2:slurmctld ");
}

TEST_F(GatesTest, ASilentHostKeepsTheGateClosedWhateverItSaid) {
  Start();
  Report("login1", "host", old_file);
  Report("login2", "host", new_file);
  ASSERT_EQ(Names(Spreading()), "3:login1 ");
  EXPECT_THAT(Spreading()[0].next, HasSubstr("signetctl rotation ack login1 --authority "));
  Ack(prepared, {"login2"});
  world.clock.Advance(absl::Hours(24 * 30));
  EXPECT_EQ(Names(Spreading()), "3:login1 ");
  world.clock.Advance(absl::Hours(25));
  ASSERT_EQ(Names(Spreading()), "3:login[1-2] ") << "the word was no later than the report";
  EXPECT_THAT(Spreading()[0].cause, HasSubstr("login1 was last heard of 31d 1h ago; login2 was"));
  EXPECT_THAT(Spreading()[0].next, HasSubstr("signetctl rotation ack login[1-2] --authority "));
  Ack(prepared, {"login1"});
  EXPECT_EQ(Names(Spreading()), "3:login2 ");
  Report("login2", "host", new_file);
  EXPECT_THAT(Spreading(), IsEmpty());
}

TEST_F(GatesTest, ASilentServiceKeepsTheGateClosedUntilItIsHeardOrProbed) {
  IssueService("slurmctld");
  Start();
  Report("ctl1", "slurmctld", new_file);
  Report("ctl2", "slurmctld", new_file);
  world.clock.Advance(absl::Hours(24 * 31));
  Report("ctl1", "slurmctld", new_file);
  ASSERT_EQ(Names(Spreading()), "2:slurmctld ");
  EXPECT_THAT(Spreading()[0].cause,
              HasSubstr("slurmctld on ctl2 is not known to have loaded it; ctl2 was last heard of"));
  Probe(prepared, "ctl2", "slurmctld", true);
  EXPECT_THAT(Spreading(), IsEmpty());
  world.clock.Advance(absl::Hours(24 * 31));
  Report("ctl1", "slurmctld", new_file);
  ASSERT_EQ(Names(Spreading()), "2:slurmctld ");
  Ack(prepared, {"slurmctld"});
  EXPECT_THAT(Spreading(), IsEmpty());
}

}  // namespace
}  // namespace signet::authority
