// Who may still believe a thief, as `rotation status` names them.
#include "services/authority/after_theft.h"

#include "services/authority/gate_words.h"
#include "services/authority/import.h"
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/offline_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);

class AfterTheftTest : public RotationTest {
 protected:
  Standing Stand() { return Must(world.rotation->Stand()); }
  std::vector<std::string> Named() {
    std::vector<std::string> named;
    for (const Blocker& one : Stand().blockers) {
      named.push_back(absl::StrCat(static_cast<int>(one.kind), ":", one.names));
    }
    return named;
  }
  // The one that retired is stolen, when everybody holds its root and that of the one that signs.
  void StealTheRetiredOne() {
    stolen = ActiveId();
    active = Rotate();
    HoldEverywhere(FileHash());
    old_file = FileHash();
    world.clock.Advance(absl::Minutes(5));
    Must(ReplaceStolen(stolen).status());
    world.clock.Advance(absl::Minutes(5));
  }
  void HoldEverywhere(const std::string& file) {
    Ask("n1", file, file);
    Report("head1", "slurmctld", file);
    Report("login1", "host", file);
  }

  std::string stolen, active, old_file;
};

TEST_F(AfterTheftTest, AStolenRetiredOneIsNotForgottenBeforeItLeftEveryHost) {
  StealTheRetiredOne();
  EXPECT_EQ(ActiveId(), active);
  const Standing standing = Stand();
  EXPECT_EQ(standing.step, Step::kSpreading);
  EXPECT_EQ(standing.authority_id, stolen);
  EXPECT_EQ(standing.since, Row(stolen).stolen_at);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
  EXPECT_THAT(standing.summary, HasSubstr("Slurm CA left the trust bundle for a theft 5m ago: 1 node is not known"));
  HoldEverywhere(FileHash());
  EXPECT_EQ(Stand().step, Step::kIdle);
}

TEST_F(AfterTheftTest, AStolenPreparedOneToo) {
  const std::string former_file = FileHash();
  stolen = Prepare();
  HoldEverywhere(FileHash());
  Ask("n2", former_file, former_file);  // never held it
  Must(ReplaceStolen(stolen).status());
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
  HoldEverywhere(FileHash());
  EXPECT_EQ(Stand().step, Step::kIdle);
}

TEST_F(AfterTheftTest, AStolenOneThatIsDestroyedIsNotForgottenEither) {
  StealTheRetiredOne();
  Take(Verb::kDestroy, stolen);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
}

TEST_F(AfterTheftTest, AnImportedCaWithoutItsKeyToo) {
  const auto lab = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Lab");
  stolen = Must(ImportAnchor(world.cluster, lab.certificate.pem(), false, *world.store, *world.custody,
                             *world.authorities, *world.audit, world.clock, world.origin))
               .id;
  HoldEverywhere(FileHash());
  const std::string prepared = Prepare();
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(absl::StrJoin(replaced.plan.steps, "\n"), Not(HasSubstr("key-encryption key"))) << "it is elsewhere";
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1", "5:slurmctld"));
  HoldEverywhere(FileHash());
  Ack(stolen, {"slurmctld"});
  EXPECT_EQ(Stand().next, absl::StrCat("signetctl authority activate ", ShortId(prepared)));
}

TEST_F(AfterTheftTest, WhatLeftInGoodOrderIsNoTheft) {
  const std::string former = ActiveId();
  Rotate();
  HoldEverywhere(FileHash());
  Take(Verb::kRevoke, former);
  Take(Verb::kWithdraw, Prepare());
  EXPECT_EQ(Stand().step, Step::kIdle);
  EXPECT_THAT(Stand().blockers, IsEmpty());
}

TEST_F(AfterTheftTest, WhatLeftBeforeMayBeDeclaredStolenLater) {
  stolen = ActiveId();
  Rotate();
  HoldEverywhere(FileHash());
  Take(Verb::kRevoke, stolen);
  const uint64_t generation = Newest().generation;
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(replaced.revoked_ids, IsEmpty());
  EXPECT_EQ(Newest().generation, generation);
  EXPECT_EQ(replaced.plan.bundle_generation, generation);
  EXPECT_THAT(replaced.plan.steps.front(), HasSubstr("is known as stolen from now on"));
  EXPECT_THAT(LastAudit(), HasSubstr("authority.emergency"));
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
  const std::string before = Fingerprint();
  Must(ReplaceStolen(stolen).status());
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(AfterTheftTest, WhoStillHoldsTheRootIsNamedWhenEveryCertificateOfThatTimeHasEnded) {
  StealTheRetiredOne();
  world.clock.Advance(kDay * 400);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
  Must(world.node_life->Block({"n1"}, "gone", world.origin).status());
  Must(world.node_life->Forget({"head1"}, world.origin).status());
  EXPECT_THAT(Named(), ElementsAre("3:login1"));
}

TEST_F(AfterTheftTest, WhoHasTheFileOnItsDiskHasLoadedItWhenItsCertificateOfBeforeHasEnded) {
  StealTheRetiredOne();
  HoldEverywhere(FileHash());
  Ask("n1", FileHash());  // started again, and cannot know what it loaded
  EXPECT_THAT(Named(), ElementsAre("1:n1"));
  world.clock.Advance(kDay * 90);
  EXPECT_THAT(Stand().blockers, IsEmpty());
  Ask("n1", old_file);  // an image of before
  EXPECT_THAT(Named(), ElementsAre("1:n1"));
  Ask("n1", FileHash(), old_file);
  EXPECT_THAT(Named(), ElementsAre("1:n1"));
  Ask("n1", std::string(32, 'f'));  // whoever wrote that
  EXPECT_THAT(Named(), ElementsAre("1:n1"));
}

TEST_F(AfterTheftTest, AnAcknowledgementStandsUntilTheHostSaysThatTheRootIsThere) {
  StealTheRetiredOne();
  Ack(active, {"n1", "slurmctld", "login1"});
  EXPECT_EQ(Named().size(), 3U) << "the active one is older than the theft";
  Ack(stolen, {"n1", "slurmctld", "login1"});
  EXPECT_EQ(Stand().step, Step::kIdle);
  world.clock.Advance(absl::Minutes(5));
  HoldEverywhere(std::string(32, 'f'));
  EXPECT_EQ(Stand().step, Step::kIdle) << "nobody here knows that file, but who said so does";
  HoldEverywhere(old_file);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
}

TEST_F(AfterTheftTest, OnlyAProbeOfARootThatWasMadeSinceCounts) {
  stolen = ActiveId();
  HoldEverywhere(FileHash());
  old_file = FileHash();
  active = Must(ReplaceStolen(stolen)).active_id;
  world.clock.Advance(absl::Minutes(5));
  Ask("n1", FileHash());
  Probe(active, "n1", "slurmd", false);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1"));
  Probe(active, "n1", "slurmd", true);
  EXPECT_THAT(Named(), ElementsAre("2:slurmctld", "3:login1"));
  world.clock.Advance(absl::Minutes(5));
  Ask("n1", old_file);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1")) << "it was set back since";
  Ask("n1", std::string(32, 'f'));
  Probe(active, "n1", "slurmd", true);
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld", "3:login1")) << "that file may hold both";
}

TEST_F(AfterTheftTest, AServiceThatNeverReportedIsNamed) {
  IssueService("slurmdbd");
  Ask("n1", FileHash(), FileHash());
  active = Must(ReplaceStolen(ActiveId())).active_id;
  Ask("n1", FileHash(), FileHash());
  EXPECT_THAT(Named(), ElementsAre("2:slurmdbd", "5:slurmdbd"));
  IssueService("slurmdbd");
  EXPECT_THAT(Stand().summary, HasSubstr("slurmdbd, which has never said what it loaded, is not known"));
  Report("db1", "slurmdbd", FileHash(), NewestSerial("db1", "slurmdbd"));
  EXPECT_EQ(Stand().step, Step::kIdle);
}

TEST_F(AfterTheftTest, WhatToTypeWorksForWhoTrustsTheOldRoot) {
  IssueService("slurmctld");
  IssueService("slurmrestd");
  HoldEverywhere(FileHash());
  Must(ReplaceStolen(ActiveId()).status());
  const Standing standing = Stand();
  EXPECT_THAT(Named(), ElementsAre("1:n1", "2:slurmctld,slurmrestd", "3:login1", "4:n1", "5:slurmctld,slurmrestd"));
  ASSERT_EQ(standing.blockers.size(), 5U);
  for (const Blocker& one : standing.blockers) {
    EXPECT_THAT(one.next, AllOf(Not(HasSubstr("scontrol reconfigure")), Not(HasSubstr("wait for the next renewal")),
                                Not(HasSubstr("rotation ack"))));
  }
  EXPECT_EQ(standing.blockers[0].next, "signet-slurm refresh && systemctl restart slurmd   # on each");
  EXPECT_EQ(standing.blockers[1].next,
            "systemctl stop slurmctld && signetctl service renew slurmctld --now && systemctl start slurmctld"
            "   # on its host");
  EXPECT_EQ(standing.blockers[2].next, "signet-slurm refresh && signet-slurm report   # on each");
  EXPECT_EQ(standing.blockers[3].next, standing.blockers[0].next);
  EXPECT_EQ(standing.blockers[4].next, standing.blockers[1].next);
}

TEST_F(AfterTheftTest, WhatLayBesideTheStolenKeyIsToBeWithdrawnAndNotActivated) {
  Ask("n1", FileHash(), FileHash());
  const std::string beside = Prepare();
  world.clock.Advance(absl::Hours(1));
  Must(ReplaceStolen(ActiveId()).status());
  Ask("n1", FileHash(), FileHash());
  const Standing standing = Stand();
  EXPECT_EQ(standing.authority_id, beside);
  EXPECT_EQ(standing.next, absl::StrCat("signetctl authority withdraw ", ShortId(beside)));
  EXPECT_THAT(standing.summary, HasSubstr("its key lay beside a stolen one"));
  Take(Verb::kWithdraw, beside);
  Ask("n1", FileHash(), FileHash());
  world.clock.Advance(absl::Hours(1));
  const std::string next = Prepare();
  Ask("n1", FileHash(), FileHash());
  EXPECT_EQ(Stand().next, absl::StrCat("signetctl authority activate ", ShortId(next)));
}

TEST_F(AfterTheftTest, ThePlanNamesWhatElseAThiefOfTheStoreHas) {
  const std::string retired = ActiveId();
  active = Rotate();
  const std::string of_retired = absl::StrJoin(Must(ReplaceStolen(retired, true)).plan.steps, "\n");
  EXPECT_THAT(of_retired, HasSubstr(absl::StrCat("that of Slurm CA 2 (", ShortId(active), "), which signs on")));
  EXPECT_THAT(of_retired, HasSubstr(absl::StrCat("signetctl authority emergency ", ShortId(active))));
  for (const std::string& steps : {of_retired, absl::StrJoin(Must(ReplaceStolen(active, true)).plan.steps, "\n")}) {
    EXPECT_THAT(steps, HasSubstr("the keys of Signet's own TLS, of the trust bundle and of the audit log"));
    EXPECT_THAT(steps, HasSubstr("begin with a new data_dir and new pins on every host"));
    EXPECT_THAT(steps, HasSubstr("put it into images, overlays and golden disks too"));
  }
}

}  // namespace
}  // namespace signet::authority
