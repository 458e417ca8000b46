#include "services/authority/rotation.h"

#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/test_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;

constexpr Verb kVerbs[] = {Verb::kActivate, Verb::kRollback, Verb::kWithdraw, Verb::kRevoke, Verb::kDestroy};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST_F(RotationTest, PrepareAddsARootThatSignsNothing) {
  const std::string before = ActiveId();
  const Changed changed = Must(world.rotation->Prepare({}, world.origin));
  EXPECT_TRUE(changed.changed);
  EXPECT_EQ(changed.plan.bundle_generation, 2U);
  EXPECT_EQ(ActiveId(), before);
  const auto made = Must(world.authorities->Find(changed.authority_id));
  EXPECT_EQ(made->state, store::AuthorityState::kPrepared);
  EXPECT_EQ(made->certificate.subject(), "CN=Slurm CA 2,O=Example");
  EXPECT_TRUE(BundleHolds(before));
  EXPECT_TRUE(BundleHolds(changed.authority_id));
  EXPECT_EQ(Newest().generation, 2U);
  EXPECT_TRUE(Crosses().empty());
  EXPECT_THAT(LastAudit(), HasSubstr("authority.prepare"));
}

TEST_F(RotationTest, PrepareTwiceKeepsBothAndAThirdIsRefused) {
  const std::string first = Prepare();
  const std::string second = Prepare();
  EXPECT_NE(first, second);
  EXPECT_TRUE(BundleHolds(first));
  EXPECT_TRUE(BundleHolds(second));
  const std::string before = Fingerprint();
  const auto third = world.rotation->Prepare({}, world.origin);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::NextOf(third.status()), HasSubstr("signetctl authority withdraw"));
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(RotationTest, PrepareRefusesASubjectThatAnotherAuthorityHas) {
  for (const std::string subject :
       {"CN=Slurm CA,O=Example", "CN=slurm  ca,O=EXAMPLE", "CN=Signet control alpha", "X=1"}) {
    const auto refused = world.rotation->Prepare({subject, absl::ZeroDuration(), false}, world.origin);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << subject;
  }
  EXPECT_TRUE(world.rotation->Prepare({"CN=Slurm CA B,O=Example", absl::ZeroDuration(), false}, world.origin).ok());
}

TEST_F(RotationTest, TheNextSubjectIsTheNextFreeNumber) {
  Must(world.rotation->Prepare({"CN=Slurm CA 2,O=Example", absl::ZeroDuration(), false}, world.origin).status());
  EXPECT_EQ(Must(world.authorities->Find(Prepare()))->certificate.subject(), "CN=Slurm CA 3,O=Example");
}

TEST_F(RotationTest, ANumberIsNeverUsedAgainAfterAWithdrawal) {
  Take(Verb::kWithdraw, Prepare());
  EXPECT_EQ(Must(world.authorities->Find(Prepare()))->certificate.subject(), "CN=Slurm CA 3,O=Example");
}

TEST_F(RotationTest, PrepareIsRefusedWhenTheCrossWouldOutliveTheActiveOne) {
  // 3650 days, of which a cross takes 14 + 2 * 90.
  world.clock.Advance(absl::Hours(24 * 3456));
  EXPECT_TRUE(world.rotation->Prepare({"", absl::ZeroDuration(), true}, world.origin).ok());
  world.clock.Advance(absl::Hours(1));
  const auto refused = world.rotation->Prepare({}, world.origin);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(refused.status()), HasSubstr("194d"));
}

TEST_F(RotationTest, PrepareRefusesALifetimeShorterThanTheCrossOrOutOfBounds) {
  for (const bool dry_run : {false, true}) {
    EXPECT_FALSE(world.rotation->Prepare({"", absl::Hours(24 * 193), dry_run}, world.origin).ok());
    EXPECT_FALSE(world.rotation->Prepare({"", absl::Hours(24 * 365 * 31), dry_run}, world.origin).ok());
  }
  EXPECT_TRUE(world.rotation->Prepare({"", absl::Hours(24 * 194), false}, world.origin).ok());
}

TEST_F(RotationTest, ActivationMakesTheCrossInTheSameStep) {
  const std::string former = ActiveId();
  const std::string id = Prepare();
  const Changed changed = Must(Change(Verb::kActivate, id));
  EXPECT_TRUE(changed.changed);
  EXPECT_EQ(ActiveId(), id);
  EXPECT_EQ(StateOf(former), store::AuthorityState::kRetired);
  EXPECT_EQ(Row(former).retired_at, world.clock.Now());
  EXPECT_EQ(Row(id).activated_at, world.clock.Now());
  ASSERT_EQ(Crosses().size(), 1U);
  const store::CrossRow cross = Crosses()[0];
  EXPECT_EQ(cross.issuer_id, former);
  EXPECT_EQ(cross.subject_id, id);
  EXPECT_LE(cross.not_after, world.clock.Now() + kHold + absl::Hours(24 * 180));
  EXPECT_EQ(Newest().generation, 2U);
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above.size(), 1U);
  EXPECT_THAT(LastAudit(), HasSubstr(cross.serial));
}

TEST_F(RotationTest, ACrossNeverOutlivesAnActiveOneThatEndsSoon) {
  const std::string id = Must(world.rotation->Prepare({"", absl::Hours(24 * 3650), false}, world.origin)).authority_id;
  world.clock.Advance(absl::Hours(24 * 3600));
  // The new root would not do for another cross certificate by itself, but it ends no sooner than the former one.
  const auto changed = Change(Verb::kActivate, id);
  ASSERT_TRUE(changed.ok()) << changed.status();
  const auto former = Must(x509::Certificate::FromDer(Row(Crosses()[0].issuer_id).certificate_der));
  EXPECT_LE(Crosses()[0].not_after, former.not_after());
}

TEST_F(RotationTest, RollbackMakesNoCrossAndTheNewOneIsHeld) {
  const std::string former = ActiveId();
  const std::string id = Rotate();
  const Changed changed = Must(Change(Verb::kRollback, former));
  EXPECT_TRUE(changed.changed);
  EXPECT_EQ(ActiveId(), former);
  EXPECT_EQ(StateOf(id), store::AuthorityState::kRetired);
  EXPECT_EQ(Crosses().size(), 1U);
  EXPECT_TRUE(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above.empty());
  EXPECT_FALSE(Must(Change(Verb::kRollback, former)).changed);
  // And forward again.
  EXPECT_TRUE(Must(Change(Verb::kRollback, id)).changed);
  EXPECT_EQ(ActiveId(), id);
}

TEST_F(RotationTest, RollbackIsRefusedNearTheEndEvenByForce) {
  const std::string former = ActiveId();
  Rotate();
  world.clock.Advance(absl::Hours(24 * (3650 - 180)));
  ASSERT_TRUE(Change(Verb::kRollback, former, "", true).ok());
  world.clock.Advance(absl::Hours(1));
  const auto refused = Change(Verb::kRollback, former, "please");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(refused.status()), HasSubstr("two leaf lifetimes"));
}

TEST_F(RotationTest, WithdrawTakesTheRootOutOfTheBundle) {
  const std::string id = Prepare();
  EXPECT_TRUE(Must(Change(Verb::kWithdraw, id)).changed);
  EXPECT_EQ(StateOf(id), store::AuthorityState::kRevoked);
  EXPECT_FALSE(BundleHolds(id));
  EXPECT_EQ(Newest().generation, 3U);
  EXPECT_EQ(world.authorities->Anchors(store::Purpose::kSlurm).size(), 1U);
}

TEST_F(RotationTest, DestroyWipesTheKey) {
  const std::string id = Prepare();
  const std::string handle = Row(id).handle;
  ASSERT_FALSE(handle.empty());
  Take(Verb::kWithdraw, id);
  EXPECT_EQ(Row(id).handle, handle);
  EXPECT_TRUE(Must(Change(Verb::kDestroy, id)).changed);
  EXPECT_TRUE(Row(id).handle.empty());
  EXPECT_EQ(StateOf(id), store::AuthorityState::kDestroyed);
  world.Restart();  // closes the store, which empties its write-ahead log
  EXPECT_EQ(Must(world.authorities->Find(id))->signer, nullptr);
  std::ifstream file(world.dir.File("signet.db"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(bytes, HasSubstr(Row(ActiveId()).handle));
  EXPECT_THAT(bytes, ::testing::Not(HasSubstr(handle)));
}

TEST_F(RotationTest, DestroyLeavesTheKeyInNoFileOfTheOpenStore) {
  const auto holds = [&](const std::string& text) {
    bool found = false;
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::ifstream file(world.dir.File(absl::StrCat("signet.db", suffix)), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      found = found || bytes.find(text) != std::string::npos;
    }
    return found;
  };
  const std::string id = Prepare();
  const std::string handle = Row(id).handle;
  Take(Verb::kWithdraw, id);
  ASSERT_TRUE(holds(handle));
  world.store->FailScrubs(true);
  const Changed first = Must(Change(Verb::kDestroy, id));
  EXPECT_TRUE(first.changed);
  EXPECT_THAT(first.plan.steps.back(), HasSubstr("may still hold the sealed key"));
  EXPECT_TRUE(holds(handle));
  world.store->FailScrubs(false);
  Must(Change(Verb::kDestroy, id, "", true));
  EXPECT_TRUE(holds(handle)) << "a dry run scrubs nothing";
  const Changed again = Must(Change(Verb::kDestroy, id));
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.plan.steps.size(), 1U);
  EXPECT_FALSE(holds(handle));
  EXPECT_TRUE(holds(Row(ActiveId()).handle));

  const std::string other = Prepare();
  const std::string others = Row(other).handle;
  Take(Verb::kWithdraw, other);
  EXPECT_TRUE(Must(Change(Verb::kDestroy, other)).changed);
  EXPECT_FALSE(holds(others));
}

TEST_F(RotationTest, TheControlAuthorityIsNotRotated) {
  const std::string control = Must(world.authorities->Active(store::Purpose::kControl))->id;
  for (const Verb verb : kVerbs) {
    if (verb == Verb::kActivate) continue;  // it is active
    EXPECT_EQ(Change(verb, control, "why not").status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(ReplaceStolen(control).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(StateOf(control), store::AuthorityState::kActive);
}

TEST_F(RotationTest, AnImportedAnchorIsNotRolledBackTo) {
  const auto root = signet::testing::MakeTestRoot(world.clock.Now());
  store::AuthorityRow row;
  row.id = root.certificate.public_key().key_id();
  row.state = store::AuthorityState::kRetired;
  row.certificate_der = root.certificate.der();
  row.custody = "foreign";
  row.spki_der = root.certificate.public_key().spki_der();
  row.created_at = row.retired_at = world.clock.Now();
  Must(world.store->Write([&](store::Tables& tables) { return tables.authorities().Insert(row); }));
  EXPECT_THAT(Message(Change(Verb::kRollback, row.id, "x").status()), HasSubstr("was imported"));
  world.clock.Advance(kHold);
  Ack(row.id, {"unlisted"});
  EXPECT_TRUE(Must(Change(Verb::kRevoke, row.id)).changed);
}

TEST_F(RotationTest, ADryRunOfEachStepChangesNothing) {
  const std::string former = ActiveId();
  std::string before = Fingerprint();
  const Changed would = Must(world.rotation->Prepare({"", absl::ZeroDuration(), true}, world.origin));
  EXPECT_FALSE(would.changed);
  EXPECT_EQ(would.authority_id, "");
  EXPECT_EQ(would.plan.bundle_generation, 2U);
  EXPECT_EQ(Fingerprint(), before);

  const std::string id = Prepare();
  before = Fingerprint();
  for (const Verb verb : {Verb::kActivate, Verb::kWithdraw}) {
    const Changed dry = Must(Change(verb, id, "", true));
    EXPECT_FALSE(dry.changed);
    EXPECT_FALSE(dry.plan.steps.empty());
    EXPECT_EQ(dry.plan.bundle_generation, verb == Verb::kWithdraw ? 3U : 2U);
  }
  EXPECT_EQ(Fingerprint(), before);
  Take(Verb::kActivate, id);
  before = Fingerprint();
  for (const Verb verb : {Verb::kRollback, Verb::kRevoke}) EXPECT_FALSE(Must(Change(verb, former, "", true)).changed);
  EXPECT_FALSE(plan.blockers.empty());  // the hold
  ASSERT_TRUE(ReplaceStolen(id, true).ok());
  EXPECT_EQ(Fingerprint(), before);
  Take(Verb::kRevoke, former);
  before = Fingerprint();
  EXPECT_FALSE(Must(Change(Verb::kDestroy, former, "", true)).changed);
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(RotationTest, AClosedGateRefusesWithThePlanAndForceIsAudited) {
  Ask("n1");
  Ask("n2");
  const std::string id = Prepare();
  const std::string before = Fingerprint();
  const auto refused = Change(Verb::kActivate, id);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kGateClosed);
  EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("signetctl rotation probe"));
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_EQ(plan.blockers[0].kind, BlockerKind::kNodeNotLoaded);
  EXPECT_EQ(plan.blockers[0].names, "n[1-2]");
  EXPECT_EQ(plan.blockers[0].count, 2);
  EXPECT_FALSE(plan.steps.empty());
  EXPECT_EQ(Fingerprint(), before);

  EXPECT_EQ(Change(Verb::kActivate, id, "   ").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Change(Verb::kActivate, id, std::string(201, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
  const Changed forced = Must(Change(Verb::kActivate, id, "the nodes are off for good"));
  EXPECT_TRUE(forced.changed);
  ASSERT_EQ(forced.plan.blockers.size(), 1U);
  EXPECT_THAT(LastAudit(), HasSubstr("the nodes are off for good"));
  EXPECT_THAT(LastAudit(), HasSubstr("n[1-2]"));
}

TEST_F(RotationTest, IdsMayBeShortButNotAmbiguousOrWrong) {
  const std::string id = ActiveId();
  EXPECT_EQ(Must(world.rotation->FindId(id)), id);
  EXPECT_EQ(Must(world.rotation->FindId(id.substr(0, 8))), id);
  EXPECT_EQ(Must(world.rotation->FindId(absl::AsciiStrToUpper(id))), id);
  EXPECT_EQ(world.rotation->FindId("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(world.rotation->FindId(id.substr(0, 7)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(world.rotation->FindId("zzzzzzzz").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(world.rotation->FindId(id + "0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(world.rotation->FindId("00000000").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RotationTest, ARestartBetweenAnyTwoStepsLosesNothing) {
  const std::string former = ActiveId();
  const auto restart = [&] {
    const std::string before = Fingerprint();
    world.Restart();
    EXPECT_EQ(Fingerprint(), before);
    EXPECT_FALSE(IssueService("slurmrestd").empty());
  };
  const std::string id = Prepare();
  restart();
  // What the service serves now is under the former one: it is acknowledged at each gate.
  Ack(id, {"slurmrestd"});
  Must(Change(Verb::kActivate, id).status());
  restart();
  EXPECT_EQ(ActiveId(), id);
  Ack(former, {"slurmrestd"});
  Must(Change(Verb::kRollback, former).status());
  restart();
  EXPECT_EQ(ActiveId(), former);
  Must(Change(Verb::kRollback, id).status());
  restart();
  Take(Verb::kRevoke, former);
  restart();
  EXPECT_FALSE(BundleHolds(former));
  Take(Verb::kDestroy, former);
  restart();
  EXPECT_EQ(ActiveId(), id);
  EXPECT_TRUE(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above.empty());
  EXPECT_EQ(Must(world.audit->Verify(*world.store)).first_bad_sequence, 0U);
}

TEST_F(RotationTest, ABundleGenerationIsNeverUsedTwice) {
  std::vector<uint64_t> generations = {Newest().generation};
  const auto note = [&] {
    if (Newest().generation != generations.back()) generations.push_back(Newest().generation);
  };
  const std::string former = ActiveId();
  Take(Verb::kWithdraw, Prepare());
  note();
  const std::string id = Rotate();
  note();
  Take(Verb::kRevoke, former);
  note();
  Must(world.rotation->RecoverBundle(20, false, true, world.origin).status());
  note();
  Must(ReplaceStolen(id).status());
  note();
  Prepare();
  note();
  EXPECT_EQ(generations, (std::vector<uint64_t>{1, 3, 4, 5, 21, 22, 23}));
  const auto rows = Must(world.Read([](const store::Tables& tables) { return tables.bundles().List(100); }));
  EXPECT_EQ(rows.size(), 8U);
}

}  // namespace
}  // namespace signet::authority
