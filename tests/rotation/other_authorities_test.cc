// Rotations to and from an authority below an offline root, and beside a foreign root that was imported.
#include "services/authority/custody_label.h"
#include "services/authority/import.h"
#include "services/authority/trust_bundle.h"
#include "tests/rotation/rotation_fixture.h"
#include "tests/testing/test_root.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;

class OtherAuthoritiesTest : public RotationTest {
 protected:
  // As the import of what an offline root signed leaves it: PREPARED, the root in the next bundle.
  std::string PrepareSubordinate() {
    testing::World& world = cluster_.world;
    const absl::Time now = world.clock.Now();
    const auto label = authority::CustodyLabel(store::Purpose::kSlurm);
    const keys::CustodyKey key = Must(world.custody->Create(label));
    const auto signer = Must(world.custody->Open(label, key));
    auto made = Must(policy::RootTemplate("CN=Slurm issuing CA,O=Example", absl::Hours(24 * 3000), signer->public_key(),
                                          world.random.Bytes(20), now));
    made.issuer_der = root_.certificate.subject_der();
    made.authority_key_id = root_.certificate.subject_key_id();
    const x509::Certificate own = SignTemplate(made, root_.key);
    store::AuthorityRow row;
    row.id = signer->public_key().key_id();
    row.certificate_der = own.der();
    row.custody = key.custody;
    row.handle = key.handle;
    row.spki_der = key.spki_der;
    row.created_at = now;
    row.intermediates_pem = own.pem();
    row.anchor_der = root_.certificate.der();
    auto rows = Must(world.Read([](const store::Tables& tables) { return tables.authorities().List(); }));
    rows.push_back(row);
    const store::BundleRow newest =
        Must(world.Read([](const store::Tables& tables) { return tables.bundles().Newest(); }));
    const auto bundle_key = Must(authority::OpenKey(*world.store, *world.custody, "bundle"));
    const store::BundleRow next =
        Must(authority::NextBundle(world.cluster, newest, Must(authority::AnchorsOf(rows, now)), *bundle_key, now));
    Must(world.store->Write([&](store::Tables& tables) -> absl::Status {
      Must(tables.authorities().Insert(row));
      return tables.bundles().Insert(next);
    }));
    Must(world.authorities->Reload());
    return row.id;
  }

  const TestRoot root_ = MakeTestRoot(cluster_.world.clock.Now());
};

TEST_F(OtherAuthoritiesTest, NobodyFailsToAndFromAnAuthorityBelowAnOfflineRoot) {
  cluster_.node("n042").Stop();
  const std::string second = PrepareSubordinate();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.node("n042").Start();
  ASSERT_EQ(cluster_.node("n042").slurmd().anchors_pem(), old_anchors_);
  cluster_.Tick();
  ASSERT_TRUE(cluster_.node("n042").slurmd().has_certificate());
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kSoon);
  ExpectAllTalk();

  cluster_.node("n043").Stop();
  const std::string only_second = cluster_.node("n043").slurmd().anchors_pem();
  EXPECT_EQ(Must(x509::Certificate::ListFromPem(only_second)).front().der(), root_.certificate.der());
  const std::string third = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, third, kPatience);
  cluster_.node("n043").Start();
  ASSERT_EQ(cluster_.node("n043").slurmd().anchors_pem(), only_second);
  cluster_.Tick();
  ASSERT_TRUE(cluster_.node("n043").slurmd().has_certificate());
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, second, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(third);
}

TEST_F(OtherAuthoritiesTest, NobodyFailsBesideTheCertificatesOfAnImportedRoot) {
  testing::World& world = cluster_.world;
  const std::string foreign =
      Must(authority::ImportAnchor(world.cluster, root_.certificate.pem(), false, *world.store, *world.custody,
                                   *world.authorities, *world.audit, world.clock, world.origin))
          .id;
  cluster_.Run(kSoon);
  for (ServiceHost& service : cluster_.services()) service.Load();
  // Hosts of the documented scripts: they loaded both roots once, and nothing since.
  for (int i = 0; i < 20; ++i) {
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    const std::string name = "old" + std::to_string(i);
    Peer stranger(name, "slurmd");
    stranger.LoadAnchors(cluster_.node("n001").disk().pem());
    stranger.LoadCertificate(
        SignTemplate(Must(policy::LeafTemplate(policy::ServiceProfile(), {name, {name}, {}}, key.public_key(),
                                               root_.certificate, world.random.Bytes(20), world.clock.Now())),
                     root_.key)
            .pem(),
        key);
    cluster_.strangers().push_back(std::move(stranger));
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
  EXPECT_THAT(closed[0].cause, ::testing::HasSubstr("does not know what"));
  cluster_.strangers().clear();  // moved to Signet
  cluster_.WaitFor(Verb::kRevoke, foreign, kPatience);
  ExpectAllTalk();
  cluster_.WaitFor(Verb::kRevoke, first_, kPatience);
  cluster_.Run(kSoon);
  ExpectOnly(second);
}

}  // namespace
}  // namespace signet::rotation
