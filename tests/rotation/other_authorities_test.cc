// Rotations to and from authorities below an offline root, beside a foreign root, and beside a CA that was taken over
// with its key.
#include "services/authority/import.h"
#include "tests/rotation/rotation_fixture.h"
#include "tests/testing/test_root.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

class OtherAuthoritiesTest : public RotationTest {
 protected:
  // What an administrator does with an offline root: request out, chain in.
  std::string PrepareBelow(const TestRoot& root, const std::string& subject) {
    testing::World& world = cluster_.world;
    const auto asked = Must(cluster_.rotation.RequestSubordinate({subject, false}, world.origin));
    const auto key = Must(x509::PublicKey::FromSpkiDer(asked.request->spki_der));
    auto made =
        Must(policy::RootTemplate(subject, absl::Hours(24 * 3000), key, world.random.Bytes(20), world.clock.Now()));
    made.issuer_der = root.certificate.subject_der();
    made.authority_key_id = root.certificate.subject_key_id();
    const std::string chain = SignTemplate(made, root.key).pem() + root.certificate.pem();
    const auto imported = Must(cluster_.rotation.ImportSubordinate({chain, false}, world.origin));
    EXPECT_EQ(imported.authority.state, store::AuthorityState::kPrepared);
    EXPECT_FALSE(Must(cluster_.rotation.ImportSubordinate({chain, false}, world.origin)).changed);
    return imported.authority.id;
  }
  // Holds its trust in memory as it is now: it comes back after the activation and lives by the cross certificate.
  void RotateWhileAway(const std::string& name, const std::string& to) {
    const std::string from = cluster_.ActiveId();
    cluster_.node(name).Stop();
    const std::string before = cluster_.node(name).daemon().anchors_pem();
    cluster_.WaitFor(Verb::kActivate, to, kPatience);
    cluster_.node(name).Start();
    ASSERT_EQ(cluster_.node(name).daemon().anchors_pem(), before);
    cluster_.Tick();
    ASSERT_TRUE(cluster_.node(name).daemon().has_certificate());
    ExpectAllTalk();
    cluster_.WaitFor(Verb::kRevoke, from, kPatience);
    cluster_.Run(kSoon);
    ExpectAllTalk();
  }
  // A daemon of the documented scripts, under `root`, which loaded `anchors_pem` once and nothing since.
  void AddStranger(const std::string& name, const TestRoot& root, const std::string& anchors_pem) {
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    testing::World& world = cluster_.world;
    Peer stranger(name, "slurmd");
    stranger.LoadAnchors(anchors_pem);
    stranger.LoadCertificate(
        SignTemplate(Must(policy::LeafTemplate(policy::ServiceProfile(), {name, {name}, {}}, key.public_key(),
                                               root.certificate, world.random.Bytes(20), world.clock.Now())),
                     root.key)
            .pem(),
        key);
    cluster_.strangers().push_back(std::move(stranger));
  }
  std::size_t ChainOf(const std::string& node) {
    return Must(x509::Certificate::ListFromPem(cluster_.node(node).daemon().chain_pem())).size();
  }
  void ReloadServices() {
    for (ServiceHost& service : cluster_.services()) {
      service.RefreshBundle();
      service.RenewCertificate();
      EXPECT_TRUE(cluster_.Reload(service));
    }
  }

  const TestRoot root_ = MakeTestRoot(cluster_.world.clock.Now());
};

TEST_F(OtherAuthoritiesTest, NobodyFailsFromARootToASubordinateAndBackToARoot) {
  const std::string second = PrepareBelow(root_, "CN=Slurm issuing CA,O=Example");
  RotateWhileAway("n042", second);
  const auto anchors = Must(x509::Certificate::ListFromPem(cluster_.node("n043").daemon().anchors_pem()));
  ASSERT_THAT(anchors, SizeIs(1));
  EXPECT_EQ(anchors.front().der(), root_.certificate.der()) << "the offline root, and not who hangs below it";
  EXPECT_EQ(ChainOf("n043"), 2u) << "leaf and issuing CA";
  const std::string third = cluster_.Prepare();
  RotateWhileAway("n043", third);
  ExpectOnly(third);
}

TEST_F(OtherAuthoritiesTest, NobodyFailsBetweenSubordinatesOfOneRootAndOfAnother) {
  const std::string second = PrepareBelow(root_, "CN=Slurm issuing CA,O=Example");
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kSoon);
  // Under the same root: whoever verifies the one verifies the other.
  const std::string third = PrepareBelow(root_, "CN=Slurm issuing CA 2,O=Example");
  cluster_.WaitFor(Verb::kActivate, third, kPatience);
  cluster_.Run(2 * kDay);
  ExpectAllTalk();
  EXPECT_EQ(ChainOf("n001"), 2u) << "no cross certificate";
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  ExpectAllTalk();

  const TestRoot other = MakeTestRoot(cluster_.world.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256,
                                      "CN=Other offline root,O=Example");
  const std::string fourth = PrepareBelow(other, "CN=Slurm issuing CA 3,O=Example");
  RotateWhileAway("n042", fourth);
  EXPECT_EQ(ChainOf("n001"), 2u);
  EXPECT_EQ(State(third), "revoked");
}

TEST_F(OtherAuthoritiesTest, NobodyFailsWhenASubordinateIsRolledBack) {
  const std::string second = PrepareBelow(root_, "CN=Slurm issuing CA,O=Example");
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Run(kTick);  // half of the nodes have a certificate of it
  ExpectAllTalk();
  EXPECT_THAT(cluster_.Try(Verb::kRollback, first_), ::testing::IsEmpty());
  cluster_.Run(2 * kDay);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(first_);
}

TEST_F(OtherAuthoritiesTest, NobodyFailsBesideTheCertificatesOfAnImportedRoot) {
  testing::World& world = cluster_.world;
  const std::string foreign =
      Must(authority::ImportAnchor(world.cluster, root_.certificate.pem(), false, *world.store, *world.custody,
                                   *world.authorities, *world.audit, world.clock, world.origin))
          .id;
  cluster_.Run(kSoon);
  for (ServiceHost& service : cluster_.services()) EXPECT_TRUE(cluster_.Reload(service));
  for (int i = 0; i < 20; ++i) {
    AddStranger("old" + std::to_string(i), root_, cluster_.node("n001").disk().pem());
  }
  ExpectAllTalk();
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Run(kSoon);
  ExpectAllTalk();
  cluster_.Follow(cluster_.Try(Verb::kRevoke, foreign));
  cluster_.Run(kHold);
  cluster_.Follow(cluster_.Try(Verb::kRevoke, foreign));
  const std::vector<authority::Blocker> closed = cluster_.Try(Verb::kRevoke, foreign);
  ASSERT_EQ(closed.size(), 1u) << "nobody whom Signet knows needs it";
  EXPECT_THAT(closed[0].cause, HasSubstr("does not know what"));
  cluster_.strangers().clear();  // moved to Signet
  cluster_.WaitFor(Verb::kRevoke, foreign, kPatience);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(second);
}

// A running CA with its key: RETIRED, and it vouches for ours, so that who trusts only it lives.
TEST_F(OtherAuthoritiesTest, NobodyFailsWhoTrustsOnlyACaThatWasTakenOverWithItsKey) {
  testing::World& world = cluster_.world;
  const auto imported =
      Must(cluster_.rotation.ImportWithKey({root_.certificate.pem(), Must(root_.key.ToPem()), false}, world.origin));
  const std::string foreign = imported.authority.id;
  EXPECT_EQ(State(foreign), "retired");
  cluster_.Run(kSoon);
  ReloadServices();
  for (int i = 0; i < 20; ++i) AddStranger("old" + std::to_string(i), root_, root_.certificate.pem());
  EXPECT_EQ(ChainOf("n001"), 2u) << "leaf and cross certificate";
  ExpectAllTalk();

  // Five of them move: they enrol with the old CA alone in memory, and serve leaves of ours at once.
  for (int i = 1; i <= 5; ++i) {
    const std::string name = "m00" + std::to_string(i);
    cluster_.strangers().pop_back();
    NodeHost& moved = cluster_.Add(name, DiskBundle(root_.certificate.pem()));
    moved.Start();
    cluster_.Tick();
    ASSERT_TRUE(moved.daemon().has_certificate()) << name;
    EXPECT_EQ(moved.daemon().anchors_pem(), root_.certificate.pem());
  }
  ExpectAllTalk();

  // A whole rotation, while the others still trust nothing else.
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Run(kSoon);
  ReloadServices();
  EXPECT_EQ(ChainOf("n001"), 3u) << "ours by ours, and ours by the old CA";
  ExpectAllTalk();
  EXPECT_THAT(cluster_.Try(Verb::kRevoke, foreign),
              Contains(::testing::Field(&authority::Blocker::cause, HasSubstr("does not know what"))));
  cluster_.strangers().clear();  // moved to Signet
  cluster_.WaitFor(Verb::kRevoke, foreign, kPatience);
  ExpectAllTalk();
  // Two certificates of each service are left under the first one: there is one host of each, and no backup.
  Must(cluster_.sightings.Acknowledge(first_, {"slurmctld", "slurmdbd", "slurmrestd"}, "no backups", world.origin)
           .status());
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(second);
  EXPECT_TRUE(WhoNeverReloadedIsLost());
}

}  // namespace
}  // namespace signet::rotation
