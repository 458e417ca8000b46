// Who serves, or may serve, what a retired authority signed.
#include "services/authority/import.h"
#include "tests/services/authority/gates_fixture.h"
#include "tests/testing/test_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(GatesTest, ANodeIsServedUntilItsNewestCertificateIsAnothers) {
  Ask("n1");
  Ask("n2");
  Start();
  Take(Verb::kActivate, prepared);
  ASSERT_EQ(Names(Served(former)), "4:n[1-2] ");
  EXPECT_EQ(Served(former)[0].since, Row(former).retired_at);
  Ack(former, {"n1"});  // nobody's word makes its certificate another
  EXPECT_EQ(Names(Served(former)), "4:n[1-2] ");
  Ask("n1");
  EXPECT_EQ(Names(Served(former)), "4:n2 ");
  Must(world.node_life->Block({"n2"}, "gone", world.origin).status());
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, ANodeThatIsSeenServingItsOldCertificateIsServed) {
  Ask("n1");
  const std::string old_serial = world.Node("n1").serial;
  Start();
  Take(Verb::kActivate, prepared);
  Ask("n1");
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "n1", "slurmd", true, old_serial);
  EXPECT_EQ(Names(Served(former)), "4:n1 ");
  Ack(former, {"n1"});
  EXPECT_EQ(Names(Served(former)), "4:n1 ") << "no later than the probe";
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "n1", "slurmd", true, world.Node("n1").serial);
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, AServiceIsServedUntilItIsKnownToServeANewerOne) {
  const std::string old_serial = IssueService("slurmdbd");
  Start();
  Take(Verb::kActivate, prepared);
  ASSERT_EQ(Names(Served(former)), "5:slurmdbd ");
  Ack(former, {"slurmdbd"});
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ");
  EXPECT_THAT(Served(former)[0].next, HasSubstr("signetctl service renew slurmdbd --now"));
  EXPECT_THAT(Served(former)[0].next, HasSubstr("signetctl cert revoke --node slurmdbd"));
  EXPECT_THAT(Served(former)[0].next, Not(HasSubstr("rotation ack"))) << "nobody's word makes it another";
  world.clock.Advance(absl::Seconds(1));
  const std::string new_serial = IssueService("slurmdbd");
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ") << "what was acknowledged did not exist yet";
  EXPECT_THAT(Served(former)[0].next, HasSubstr("signetctl rotation probe HOST --program slurmdbd, or"));
  world.clock.Advance(absl::Seconds(1));
  Ack(former, {"slurmdbd"});
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, AReportOrAProbeTellsWhatAServiceServes) {
  const std::string old_serial = IssueService("slurmdbd");
  Start();
  Ack(former, {"slurmdbd"});  // before it retired: of what it had loaded
  world.clock.Advance(absl::Seconds(1));
  Take(Verb::kActivate, prepared);
  const std::string new_serial = IssueService("slurmdbd");
  ASSERT_EQ(Names(Served(former)), "5:slurmdbd ");
  EXPECT_THAT(Served(former)[0].cause, HasSubstr("nobody knows"));
  Report("db1", "slurmdbd", new_file, old_serial);
  ASSERT_EQ(Names(Served(former)), "5:slurmdbd ");
  EXPECT_THAT(Served(former)[0].cause, HasSubstr("db1"));
  Report("db1", "slurmdbd", new_file, new_serial);
  EXPECT_THAT(Served(former), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Probe(prepared, "db1", "slurmdbd", true, old_serial);
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ");
  Probe(prepared, "db1", "slurmdbd", true, new_serial);
  EXPECT_THAT(Served(former), IsEmpty());
  // One that was never recorded here: nobody knows whose it is.
  Report("db2", "slurmdbd", new_file, "0123456789");
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ");
  Ack(former, {"slurmdbd"});
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ") << "no later than the report";
  world.clock.Advance(absl::Seconds(1));
  Ack(former, {"slurmdbd"});
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, AServiceOnTwoHostsIsNotJudgedByTheOneThatSpeaks) {
  IssueService("slurmctld");
  IssueService("slurmctld");  // of the backup controller, which says nothing
  Start();
  Take(Verb::kActivate, prepared);
  const std::string newer = IssueService("slurmctld");
  Report("ctl1", "slurmctld", new_file, newer);
  ASSERT_EQ(Names(Served(former)), "5:slurmctld ");
  EXPECT_THAT(Served(former)[0].cause,
              HasSubstr("2 unexpired certificates of slurmctld, and newer ones were seen on 1 host only"));
  Probe(prepared, "ctl1.cluster.example", "slurmctld", true, newer);
  EXPECT_EQ(Names(Served(former)), "5:slurmctld ") << "it is the same one under another name";
  Report("ctl2", "slurmctld", new_file, "");
  EXPECT_EQ(Names(Served(former)), "5:slurmctld ");
  Report("ctl2", "slurmctld", new_file, IssueService("slurmctld"));
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, AWordForAServicesHostComesAfterItsNewerCertificate) {
  IssueService("slurmdbd");
  Start();
  Take(Verb::kActivate, prepared);
  Report("db1", "slurmdbd", new_file, "");
  world.clock.Advance(absl::Seconds(1));
  Ack(former, {"db1"});
  world.clock.Advance(absl::Seconds(1));
  IssueService("slurmdbd");
  EXPECT_EQ(Names(Served(former)), "5:slurmdbd ") << "what was acknowledged did not exist yet";
  world.clock.Advance(absl::Seconds(1));
  Ack(former, {"db1"});
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, AnAcknowledgementOfAServiceSpeaksForTheHostThatSaysNothing) {
  IssueService("slurmctld");
  IssueService("slurmctld");
  Start();
  Take(Verb::kActivate, prepared);
  Report("ctl1", "slurmctld", new_file, IssueService("slurmctld"));
  ASSERT_EQ(Names(Served(former)), "5:slurmctld ");
  world.clock.Advance(absl::Seconds(1));
  Ack(former, {"slurmctld"});
  EXPECT_THAT(Served(former), IsEmpty());
}

TEST_F(GatesTest, ACertificateMayBeServedUntilAnotherIsSeenInItsPlace) {
  for (const char* name : {"n1", "n2", "n3", "n4", "n5"}) Ask(name);
  const absl::Time end = world.Node("n5").not_after;
  Start();
  Take(Verb::kActivate, prepared);
  EXPECT_THAT(MayBe(former), IsEmpty()) << "StillServed names them all";
  for (const char* name : {"n1", "n2", "n3", "n4"}) Ask(name);
  Must(world.node_life->Forget({"n5"}, world.origin).status());
  ASSERT_EQ(Names(MayBe(former)), "4:n[1-5] ");
  EXPECT_EQ(MayBe(former)[0].until, end);
  Probe(prepared, "n1", "slurmd", true, world.Node("n1").serial);
  Ack(former, {"n2"});
  Must(world.node_life->Block({"n3"}, "stolen", world.origin).status());
  ASSERT_EQ(Names(MayBe(former)), "4:n[4-5] ");
  world.clock.Advance(end - world.clock.Now());
  EXPECT_EQ(Names(MayBe(former)), "4:n[4-5] ");
  world.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(MayBe(former), IsEmpty());
}

TEST_F(GatesTest, WhatAnImportedAuthoritySignedIsNotKnownHere) {
  const auto root = signet::testing::MakeTestRoot(world.clock.Now());
  const std::string foreign =
      Must(ImportAnchor(world.cluster, root.certificate.pem(), false, *world.store, *world.custody, *world.authorities,
                        *world.audit, world.clock, world.origin))
          .id;
  world.clock.Advance(kHold);
  EXPECT_FALSE(Change(Verb::kRevoke, foreign).ok());
  ASSERT_EQ(Names(plan.blockers), "4: ");
  EXPECT_EQ(plan.blockers[0].until, root.certificate.not_after());
  EXPECT_THAT(plan.blockers[0].cause, HasSubstr("this server does not know what"));
  EXPECT_THAT(plan.blockers[0].next, HasSubstr("signetctl rotation ack unlisted --authority " + foreign.substr(0, 12)));
  Ack(ActiveId(), {"unlisted"});
  EXPECT_EQ(Names(MayBe(foreign)), "4: ");
  Ack(foreign, {"unlisted"});
  EXPECT_TRUE(Change(Verb::kRevoke, foreign).ok());
}

TEST_F(GatesTest, WhoServesACertificateThatNobodyHereMadeNeedsAnImportedAuthority) {
  const auto root = signet::testing::MakeTestRoot(world.clock.Now());
  const std::string foreign =
      Must(ImportAnchor(world.cluster, root.certificate.pem(), false, *world.store, *world.custody, *world.authorities,
                        *world.audit, world.clock, world.origin))
          .id;
  Ask("n1");
  EXPECT_THAT(Served(foreign), IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  Probe(ActiveId(), "n1", "slurmd", false, "0123456789");
  EXPECT_EQ(Names(Served(foreign)), "4:n1 ");
}

TEST_F(GatesTest, AnImportedAuthorityThatEndedNeedsNoWord) {
  const auto root = signet::testing::MakeTestRoot(world.clock.Now());
  const std::string foreign =
      Must(ImportAnchor(world.cluster, root.certificate.pem(), false, *world.store, *world.custody, *world.authorities,
                        *world.audit, world.clock, world.origin))
          .id;
  world.clock.Advance(root.certificate.not_after() - world.clock.Now());
  EXPECT_EQ(Names(MayBe(foreign)), "4: ");
  world.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(MayBe(foreign), IsEmpty());
}

}  // namespace
}  // namespace signet::authority
