#include "services/authority/import.h"
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/offline_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class EmergencyTest : public RotationTest {
 protected:
  // Nothing that is trusted, and no chain that is handed out, leads to the stolen authority.
  void ExpectGone(const std::string& id) {
    EXPECT_FALSE(BundleHolds(id));
    EXPECT_EQ(StateOf(id), store::AuthorityState::kRevoked);
    const auto stolen = Must(x509::Certificate::FromDer(Row(id).certificate_der));
    for (const x509::Certificate& anchor : world.authorities->Anchors(store::Purpose::kSlurm)) {
      EXPECT_FALSE(anchor.public_key() == stolen.public_key());
    }
    for (const store::CrossRow& cross : Crosses()) {
      if (cross.subject_id != id) continue;
      EXPECT_GT(StateOf(cross.issuer_id), store::AuthorityState::kRetired);
    }
    const auto active = Must(world.authorities->Active(store::Purpose::kSlurm));
    for (const x509::Certificate& above : active->chain_above) {
      EXPECT_FALSE(above.public_key() == stolen.public_key());
      EXPECT_FALSE(above.VerifySignedBy(stolen).ok());
    }
  }
};

TEST_F(EmergencyTest, AStolenActiveOneIsReplacedByANewRootWithoutACross) {
  const std::string stolen = ActiveId();
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(replaced.revoked_ids, ElementsAre(stolen));
  EXPECT_EQ(replaced.active_id, ActiveId());
  EXPECT_NE(replaced.active_id, stolen);
  EXPECT_THAT(Crosses(), IsEmpty());
  EXPECT_EQ(replaced.plan.bundle_generation, Newest().generation);
  EXPECT_TRUE(BundleHolds(replaced.active_id));
  EXPECT_THAT(LastAudit(), HasSubstr("authority.emergency"));
  EXPECT_THAT(LastAudit(), HasSubstr("found on a laptop"));
  ExpectGone(stolen);
  world.Restart();
  ExpectGone(stolen);
  EXPECT_FALSE(IssueService("slurmctld").empty());
}

TEST_F(EmergencyTest, TheSignersOfItsCrossLeaveToo) {
  const std::string first = ActiveId();
  const std::string second = Rotate();
  const std::string third = Rotate();
  const Replacement replaced = Must(ReplaceStolen(third));
  // The second vouches for the third, and the first for the second: each would let the stolen key in.
  EXPECT_THAT(replaced.revoked_ids, UnorderedElementsAre(first, second, third));
  ExpectGone(third);
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kSlurm))->certificate.subject(), "CN=Slurm CA 4,O=Example");
}

TEST_F(EmergencyTest, AStolenPreparedOneJustLeaves) {
  const std::string active = ActiveId();
  const std::string stolen = Prepare();
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(replaced.revoked_ids, ElementsAre(stolen));
  EXPECT_EQ(replaced.active_id, active);
  EXPECT_EQ(ActiveId(), active);
  ExpectGone(stolen);
}

TEST_F(EmergencyTest, APreparedOneIsNotPromoted) {
  const std::string prepared = Prepare();
  const std::string stolen = ActiveId();
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_NE(replaced.active_id, prepared);
  EXPECT_EQ(StateOf(prepared), store::AuthorityState::kPrepared);
  EXPECT_THAT(replaced.plan.steps.back(), HasSubstr("signetctl authority withdraw"));
  ExpectGone(stolen);
}

TEST_F(EmergencyTest, AStolenRetiredOneLeavesAndTheActiveOneStays) {
  const std::string stolen = ActiveId();
  const std::string active = Rotate();
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(replaced.revoked_ids, ElementsAre(stolen));
  EXPECT_EQ(replaced.active_id, active);
  // The cross certificate that it signed is served no more.
  EXPECT_THAT(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above, IsEmpty());
  ExpectGone(stolen);
}

TEST_F(EmergencyTest, AfterARollbackTheActiveOneVouchesForTheStolenOneAndLeaves) {
  const std::string former = ActiveId();
  const std::string stolen = Rotate();
  Take(Verb::kRollback, former);
  const Replacement replaced = Must(ReplaceStolen(stolen));
  EXPECT_THAT(replaced.revoked_ids, UnorderedElementsAre(former, stolen));
  EXPECT_NE(ActiveId(), former);
  ExpectGone(stolen);
}

TEST_F(EmergencyTest, ARevokedOneStillTakesTheSignerOfItsLiveCrossAlong) {
  const std::string former = ActiveId();
  const std::string stolen = Rotate();
  Take(Verb::kRollback, former);
  Take(Verb::kRevoke, stolen);
  EXPECT_THAT(absl::StrJoin(plan.steps, "\n"), HasSubstr("still vouches for it"));
  EXPECT_THAT(Must(ReplaceStolen(stolen)).revoked_ids, ElementsAre(former));
  ExpectGone(stolen);
}

TEST_F(EmergencyTest, ACrossThatHasEndedTakesNobodyAlong) {
  const std::string first = ActiveId();
  const std::string stolen = Rotate();
  world.clock.Advance(absl::Hours(24 * 195));
  EXPECT_THAT(Must(ReplaceStolen(stolen)).revoked_ids, ElementsAre(stolen));
  EXPECT_EQ(StateOf(first), store::AuthorityState::kRetired);
}

TEST_F(EmergencyTest, RepeatedItChangesNothing) {
  const std::string stolen = ActiveId();
  const std::string active = Must(ReplaceStolen(stolen)).active_id;
  const std::string before = Fingerprint();
  const Replacement again = Must(ReplaceStolen(stolen));
  EXPECT_THAT(again.revoked_ids, IsEmpty());
  EXPECT_EQ(again.active_id, active);
  EXPECT_EQ(Fingerprint(), before);
  Take(Verb::kDestroy, stolen);
  EXPECT_THAT(Must(ReplaceStolen(stolen)).revoked_ids, IsEmpty());
}

TEST_F(EmergencyTest, AWrongSubjectOrNoReasonIsRefused) {
  const std::string id = ActiveId();
  const std::string before = Fingerprint();
  const auto call = [&](const std::string& subject, const std::string& reason) {
    return world.rotation->ReplaceStolen({id, subject, reason, false}, world.origin).status().code();
  };
  EXPECT_EQ(call("", "stolen"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(call("CN=Slurm CA", "stolen"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(call("CN=Slurm CA,O=Example", ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(EmergencyTest, ANodeRenewsByItsIdentityKeyUnderTheNewRoot) {
  Ask("n1");
  const std::string active = Must(ReplaceStolen(ActiveId())).active_id;
  Ask("n1");
  EXPECT_EQ(world.Certificates("n1").front().authority_id, active);
}

TEST_F(EmergencyTest, TheStandingNamesWhomTheNewRootHasNotReached) {
  Ask("n1", FileHash(), FileHash());
  Ask("n2", FileHash(), FileHash());
  Prepare();
  world.clock.Advance(absl::Hours(1));
  const std::string active = Must(ReplaceStolen(ActiveId())).active_id;
  world.clock.Advance(absl::Minutes(5));
  Standing standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.authority_id, active);
  EXPECT_EQ(standing.step, Step::kSpreading);
  EXPECT_THAT(standing.summary, HasSubstr("Slurm CA left the trust bundle for a theft 5m ago: 2 nodes are not known"));
  ASSERT_EQ(standing.blockers.size(), 2U);
  EXPECT_EQ(standing.blockers[0].kind, BlockerKind::kNodeNotLoaded);
  EXPECT_EQ(standing.blockers[1].kind, BlockerKind::kNodeCertificate);
  EXPECT_EQ(standing.blockers[1].names, "n[1-2]");
  EXPECT_THAT(standing.next, HasSubstr("systemctl restart slurmd"));
  for (const std::string node : {"n1", "n2"}) Ask(node, FileHash(), FileHash());
  standing = Must(world.rotation->Stand());
  EXPECT_NE(standing.authority_id, active);  // the prepared one is next
}

TEST_F(EmergencyTest, TheStandingForgetsATheftWhenNoCertificateOfThatTimeIsLeft) {
  const std::string active = Must(ReplaceStolen(ActiveId())).active_id;
  world.clock.Advance(absl::Hours(24 * 90));
  Ask("n1");
  EXPECT_EQ(Must(world.rotation->Stand()).authority_id, active);
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Must(world.rotation->Stand()).step, Step::kIdle);
}

class RecoverTest : public RotationTest {};

TEST_F(RecoverTest, AServerAheadOfEveryHostMakesNothing) {
  Ask("n1", FileHash(), FileHash());
  const auto recovered = Must(world.rotation->RecoverBundle(0, false, false, world.origin));
  EXPECT_FALSE(recovered.changed);
  EXPECT_EQ(recovered.generation, 1U);
}

TEST_F(RecoverTest, ItResumesAboveWhatIsNamed) {
  const std::string pem = Newest().ca_cert_pem;
  // Whoever names it has seen it on a host, though none has said so since the restore.
  for (const bool dry_run : {true, false}) {
    const auto refused = world.rotation->RecoverBundle(41, dry_run, false, world.origin);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(refused.status().message(),
                HasSubstr("at_least: a host holds bundle generation 41, which this server"));
    EXPECT_THAT(refused.status().message(), HasSubstr("stop signet-service-renew.timer on every host first"));
    EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("FILE: each root in ca_cert.pem of that host"));
  }
  const auto dry = Must(world.rotation->RecoverBundle(41, true, true, world.origin));
  EXPECT_FALSE(dry.changed);
  EXPECT_EQ(dry.generation, 42U);
  EXPECT_EQ(Newest().generation, 1U);
  const auto recovered = Must(world.rotation->RecoverBundle(41, false, true, world.origin));
  EXPECT_TRUE(recovered.changed);
  EXPECT_EQ(recovered.generation, 42U);
  EXPECT_EQ(Newest().generation, 42U);
  EXPECT_EQ(Newest().ca_cert_pem, pem);
  EXPECT_THAT(LastAudit(), HasSubstr("bundle.recover"));
  EXPECT_THAT(LastAudit(), HasSubstr("a host with generation 41"));
  EXPECT_FALSE(Must(world.rotation->RecoverBundle(41, false, false, world.origin)).changed);
  EXPECT_FALSE(world.rotation->RecoverBundle(42, false, false, world.origin).ok()) << "of which lineage?";
  EXPECT_EQ(Must(world.rotation->RecoverBundle(42, false, true, world.origin)).generation, 43U);
}

TEST_F(RecoverTest, ItResumesAboveWhatAHostReportedOfAnotherLineage) {
  Prepare();
  Prepare();
  Ask("n1");
  const std::string foreign(32, 'f');
  const auto hold = [&](uint64_t generation) {
    Must(world.store->Write([&](store::Tables& tables) -> absl::Status {
      store::NodeRow row = Must(tables.nodes().Find("n1", "slurmd"));
      row.disk_generation = generation;
      row.disk_sha256 = foreign;
      return tables.nodes().Put(row);
    }));
  };
  hold(2);  // long overtaken
  EXPECT_FALSE(Must(world.rotation->RecoverBundle(0, false, false, world.origin)).changed);
  hold(9);
  const Standing standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.highest_generation_seen, 9U);
  EXPECT_THAT(standing.next, ::testing::StartsWith("signetctl authority import FILE"));
  // Pasted as it is, nothing is recovered before something was imported.
  EXPECT_THAT(standing.next, HasSubstr("FILE && signetctl bundle recover --force   #"));
  EXPECT_THAT(standing.summary, HasSubstr("n1 alone holds bundle generation 9"));
  // Its roots may be those that everybody's certificates are under.
  for (const bool dry_run : {true, false}) {
    const auto refused = world.rotation->RecoverBundle(0, dry_run, false, world.origin);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("each root in ca_cert.pem of n1"));
  }
  EXPECT_EQ(world.rotation->RecoverBundle(20, false, false, world.origin).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Newest().generation, 3U);
  EXPECT_EQ(Must(world.rotation->RecoverBundle(0, false, true, world.origin)).generation, 10U);
  EXPECT_THAT(LastAudit(), HasSubstr("forced_over"));
  EXPECT_THAT(Must(world.rotation->Stand()).next, ::testing::Not(HasSubstr("recover")));
}

TEST_F(RecoverTest, WhoKnowsOnlyTheRootsOfBeforeTheRestoreIsNamedUntilItHasLoadedTheOneThatSigns) {
  const auto later =
      signet::testing::MakeTestRoot(world.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Later");
  Ask("n1", std::string(32, 'f'), std::string(32, 'f'));  // {CN=Later}, of a signetd that is gone
  Must(ImportAnchor(world.cluster, later.certificate.pem(), false, *world.store, *world.custody, *world.authorities,
                    *world.audit, world.clock, world.origin)
           .status());
  Must(world.rotation->RecoverBundle(41, false, true, world.origin).status());
  EXPECT_THAT(Newest().ca_cert_pem, HasSubstr(later.certificate.pem()));
  const auto named = [&] {
    for (const Blocker& one : Must(world.rotation->Stand()).blockers) {
      if (one.kind == BlockerKind::kNodeNotLoaded) return one.names;
    }
    return std::string();
  };
  EXPECT_EQ(named(), "n1");
  Ask("n1", FileHash(), FileHash());
  EXPECT_EQ(named(), "");
}

TEST_F(RecoverTest, ABlockedHostMovesNothing) {
  Report("n1", "host", std::string(32, 'f'));
  Report("n2", "host", std::string(32, 'g'));
  EXPECT_THAT(Must(world.rotation->Stand()).summary, HasSubstr("n1 holds bundle generation 1,"));
  Must(world.node_life->Block({"n1"}, "it lies", world.origin).status());
  EXPECT_THAT(Must(world.rotation->Stand()).summary, HasSubstr("n2 alone holds bundle generation 1,"));
  Must(world.node_life->Block({"n2"}, "it lies too", world.origin).status());
  EXPECT_THAT(Must(world.rotation->Stand()).next, ::testing::Not(HasSubstr("recover")));
  EXPECT_FALSE(Must(world.rotation->RecoverBundle(0, false, false, world.origin)).changed);
}

TEST_F(RecoverTest, AHostThatLiesMovesNothingFar) {
  store::ReportRow row;
  row.host = "login1";
  row.program = "host";
  row.disk_generation = 1ULL << 62;
  row.disk_sha256 = std::string(32, 'f');
  Must(world.sightings->Report(row, world.origin));
  EXPECT_FALSE(Must(world.rotation->RecoverBundle(0, false, false, world.origin)).changed);
  EXPECT_EQ(Must(world.rotation->Stand()).highest_generation_seen, 0U);
}

TEST_F(RecoverTest, ASlipOfTheHandIsRefused) {
  EXPECT_EQ(world.rotation->RecoverBundle(1000002, false, false, world.origin).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(world.rotation->RecoverBundle(~0ULL, true, false, world.origin).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(world.rotation->RecoverBundle(1000001, true, true, world.origin).ok());
}

}  // namespace
}  // namespace signet::authority
