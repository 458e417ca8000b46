// Rotations of authorities that a root signed which lies elsewhere.
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/authority_steps.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddSubordinate;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SubordinateTest : public RotationTest {
 protected:
  std::vector<Blocker> NotLoadedFor(const std::string& id) {
    const store::AuthorityRow row = Row(id);
    return Must(world.Read(
        [&](const store::Tables& tables) { return NotLoaded(tables, row, row.created_at, world.clock.Now()); }));
  }
  const TestRoot offline = MakeTestRoot(world.clock.Now());
};

TEST_F(SubordinateTest, ItsRootIsWhatHostsHaveToLoad) {
  Ask("n1", FileHash(), FileHash());
  const std::string id = AddSubordinate(world, offline, "CN=Sub A");
  EXPECT_EQ(NotLoadedFor(id).size(), 1U);
  Prepare();  // another: the next bundle holds every anchor
  EXPECT_THAT(Newest().ca_cert_pem, HasSubstr(offline.certificate.pem()));
  Ask("n1", FileHash(), FileHash());
  EXPECT_THAT(NotLoadedFor(id), IsEmpty());
}

TEST_F(SubordinateTest, TheRootBeforeItVouchesForItsRoot) {
  const std::string former = ActiveId();
  const std::string id = AddSubordinate(world, offline, "CN=Sub A");
  ASSERT_TRUE(Must(Change(Verb::kActivate, id)).changed);
  ASSERT_EQ(Crosses().size(), 1U);
  const auto cross = Must(x509::Certificate::FromDer(Crosses()[0].certificate_der));
  EXPECT_EQ(cross.public_key().spki_der(), offline.certificate.public_key().spki_der());
  EXPECT_EQ(Crosses()[0].issuer_id, former);
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above.size(), 2U);
}

TEST_F(SubordinateTest, OneBelowTheSameRootNeedsNoCross) {
  const std::string first = AddSubordinate(world, offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  const std::string second = AddSubordinate(world, offline, "CN=Sub B");
  ASSERT_TRUE(Must(Change(Verb::kActivate, second)).changed);
  EXPECT_EQ(Crosses().size(), 1U);
  EXPECT_EQ(ActiveId(), second);
  EXPECT_TRUE(Must(Change(Verb::kRollback, first, "too early")).changed);
  EXPECT_EQ(ActiveId(), first);
}

TEST_F(SubordinateTest, RevokingOneKeepsTheRootThatAnotherNeedsAndSaysSo) {
  const std::string first = AddSubordinate(world, offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  const std::string second = AddSubordinate(world, offline, "CN=Sub B");
  Take(Verb::kActivate, second);
  Take(Verb::kWithdraw, Prepare());  // brings the bundle up to date
  const uint64_t generation = Newest().generation;
  world.clock.Advance(kHold);
  const Changed revoked = Must(Change(Verb::kRevoke, first));
  EXPECT_TRUE(revoked.changed);
  EXPECT_EQ(revoked.plan.bundle_generation, generation);
  EXPECT_EQ(Newest().generation, generation);
  EXPECT_THAT(revoked.plan.steps.front(), HasSubstr("stays in the trust bundle"));
}

TEST_F(SubordinateTest, AStolenOneTakesItsRootAndAllBelowItAndTheSignerOfItsCross) {
  const std::string root = ActiveId();
  const std::string first = AddSubordinate(world, offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  const std::string second = AddSubordinate(world, offline, "CN=Sub B");
  Take(Verb::kActivate, second);
  const Replacement replaced = Must(ReplaceStolen(first));
  EXPECT_THAT(replaced.revoked_ids, UnorderedElementsAre(root, first, second));
  EXPECT_THAT(Newest().ca_cert_pem, ::testing::Not(HasSubstr(offline.certificate.pem())));
  EXPECT_EQ(Must(x509::Certificate::ListFromPem(Newest().ca_cert_pem)).size(), 1U);
  EXPECT_EQ(ActiveId(), replaced.active_id);
  EXPECT_THAT(Must(world.authorities->Active(store::Purpose::kSlurm))->chain_above, IsEmpty());
}

}  // namespace
}  // namespace signet::authority
