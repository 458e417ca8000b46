#include "services/authority/authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "services/base/reason.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/policy/profile.h"
#include "tests/testing/test_root.h"
#include "tests/testing/world.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::signet::testing::World;
using ::testing::HasSubstr;

std::vector<store::AuthorityRow> Rows(World& world) {
  std::vector<store::AuthorityRow> rows;
  Must(world.store->Read([&](const store::Tables& tables) {
    auto listed = tables.authorities().List();
    if (listed.ok()) rows = *listed;
    return listed.status();
  }));
  return rows;
}

absl::StatusOr<Created> StartAgain(World& world, const std::string& cluster = "alpha") {
  return EnsureFirstAuthorities({cluster, "CN=Slurm CA,O=Example", world.lifetime}, *world.store, *world.custody,
                                world.clock, world.random, *world.logger);
}

// Changes the row of the Slurm authority behind the server's back, as a damaged or forged store would.
void Tamper(World& world, const std::function<void(store::AuthorityRow&)>& change) {
  const auto tamper = [&](store::Tables& tables) -> absl::Status {
    auto rows = tables.authorities().List();
    for (store::AuthorityRow& row : *rows) {
      if (row.purpose != store::Purpose::kSlurm) continue;
      change(row);
      return tables.authorities().Update(row);
    }
    return absl::NotFoundError("no Slurm authority");
  };
  Must(world.store->Write(tamper));
}

TEST(FirstStart, MakesBothAuthoritiesKeysAndBundleOnce) {
  World world;
  EXPECT_TRUE(world.created.anything);
  EXPECT_EQ(world.Root().subject(), "CN=Slurm CA,O=Example");
  EXPECT_EQ(world.Root(store::Purpose::kControl).common_name(), "Signet control alpha");
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kSlurm))->id, world.created.slurm_authority_id);
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kControl))->id, world.created.control_authority_id);
  EXPECT_EQ(world.created.bundle_pin_hex.size(), 64U);

  const auto again = StartAgain(world);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->anything);
  EXPECT_TRUE(again->bundle_pin_hex.empty());
  EXPECT_EQ(Rows(world).size(), 2U);
}

TEST(FirstStart, SignsBundleGenerationOneWithTheSlurmRootAlone) {
  World world;
  store::BundleRow newest;
  store::KeyRow key;
  Must(world.store->Read([&](const store::Tables& tables) {
    newest = *tables.bundles().Newest();
    key = *tables.authorities().FindKey("bundle");
    return absl::OkStatus();
  }));
  const auto bundle = bundle::Verify(newest.signed_bundle, x509::Sha256(key.spki_der), "alpha");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->generation, 1U);
  EXPECT_TRUE(bundle->previous_sha256.empty());
  EXPECT_THAT(bundle::FaultsOfCaFile(bundle->ca_cert_pem, world.clock.Now()), ::testing::IsEmpty());
  const auto anchors = Must(x509::Certificate::ListFromPem(bundle->ca_cert_pem));
  ASSERT_EQ(anchors.size(), 1U);
  EXPECT_EQ(anchors[0].der(), world.Root().der());
}

TEST(FirstStart, IsAuditedUnderTheNewAuditKey) {
  World world;
  EXPECT_EQ(world.AuditRows().size(), 2U);
  const auto verdict = Must(world.audit->Verify(*world.store));
  EXPECT_EQ(verdict.first_bad_sequence, 0U);
  EXPECT_THAT(world.AuditRows()[0].bytes, HasSubstr("authority.create"));
}

TEST(FirstStart, OfTwoServersAtOnceOnlyOneMakesAnything) {
  World world;
  testing::TempDir dir;
  testing::FaultyStore store(Must(store::sqlite::Open({dir.File("shared.db")}, *world.logger)));
  std::atomic<int> made{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> servers;
  for (int i = 0; i < 8; ++i) {
    servers.emplace_back([&] {
      const auto created = EnsureFirstAuthorities({"alpha", "CN=Slurm CA", absl::Hours(24 * 365)}, store,
                                                  *world.custody, world.clock, world.random, *world.logger);
      if (!created.ok()) ++failed;
      if (created.ok() && created->anything) ++made;
    });
  }
  for (std::thread& server : servers) server.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Must(Authorities::Open(store, *world.custody, world.clock))->List().size(), 2U);
}

TEST(FirstStart, LeavesNothingBehindWhenItsCommitFails) {
  World world;
  testing::TempDir dir;
  testing::FaultyStore store(Must(store::sqlite::Open({dir.File("signet.db")}, *world.logger)));
  store.FailCommits(1);
  const FirstStart first{"alpha", "CN=Slurm CA", absl::Hours(24 * 365)};
  EXPECT_TRUE(absl::IsUnavailable(
      EnsureFirstAuthorities(first, store, *world.custody, world.clock, world.random, *world.logger).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenKey(store, *world.custody, "audit").status()));
  EXPECT_TRUE(
      Must(EnsureFirstAuthorities(first, store, *world.custody, world.clock, world.random, *world.logger)).anything);
}

TEST(FirstStart, RefusesAStoreOfAnotherCluster) {
  World world;
  const auto other = StartAgain(world, "beta");
  EXPECT_TRUE(absl::IsFailedPrecondition(other.status())) << other.status();
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("another cluster"));
  EXPECT_EQ(base::ReasonOf(other.status()), base::kConfiguration);
}

TEST(FirstStart, RefusesAClusterNameThatIsNone) {
  World world;
  for (const std::string& name : {std::string(), std::string("a/b"), std::string("a b"), std::string(41, 'a')}) {
    EXPECT_EQ(base::ReasonOf(StartAgain(world, name).status()), base::kConfiguration) << name;
  }
}

TEST(Authorities, OpenAgainAfterARestart) {
  World world;
  const std::string id = world.created.slurm_authority_id;
  world.Restart();
  EXPECT_FALSE(world.created.anything);
  EXPECT_EQ(Must(world.authorities->Active(store::Purpose::kSlurm))->id, id);
  EXPECT_EQ(Must(world.authorities->Find(id))->certificate.der(), world.Root().der());
  EXPECT_TRUE(absl::IsNotFound(world.authorities->Find("nonsense").status()));
  EXPECT_EQ(world.authorities->Anchors(store::Purpose::kSlurm).size(), 1U);
  EXPECT_EQ(world.authorities->Anchors(store::Purpose::kControl).size(), 1U);
}

TEST(Authorities, NameTheKeyEncryptionKeyWhenItIsWrong) {
  World world;
  const auto wrong = Must(keys::sealed::SealedCustody::Create(base::SecretBytes(std::string(32, 'w')), world.random));
  const auto opened = Authorities::Open(*world.store, *wrong, world.clock);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("keys.kek_file"));
  EXPECT_THAT(base::NextOf(opened.status()), HasSubstr("key-encryption key file"));
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenKey(*world.store, *wrong, "audit").status()));
}

TEST(Authorities, RefuseACertificateThatIsNotTheKeys) {
  World world;
  const auto other = testing::MakeTestRoot(world.clock.Now());
  Tamper(world, [&](store::AuthorityRow& row) { row.certificate_der = other.certificate.der(); });
  const auto opened = Authorities::Open(*world.store, *world.custody, world.clock);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("do not match"));
}

TEST(Authorities, RefuseAKeyHandleOfAnotherRow) {
  World world;
  const std::string control = world.created.control_authority_id;
  const auto rows = Rows(world);
  const std::string stolen = rows[0].id == control ? rows[0].handle : rows[1].handle;
  Tamper(world, [&](store::AuthorityRow& row) { row.handle = stolen; });
  EXPECT_TRUE(absl::IsFailedPrecondition(Authorities::Open(*world.store, *world.custody, world.clock).status()));
}

TEST(Authorities, RefuseACertificateThatDoesNotParse) {
  World world;
  Tamper(world, [](store::AuthorityRow& row) { row.certificate_der = "garbage"; });
  EXPECT_THAT(std::string(Authorities::Open(*world.store, *world.custody, world.clock).status().message()),
              HasSubstr("does not parse"));
}

TEST(Authorities, RefuseAnActiveOneThatExpiredOrLiesInTheFuture) {
  World world("alpha", absl::Hours(48));
  world.clock.Advance(absl::Hours(48));
  const absl::Status expired = world.authorities->Reload();
  EXPECT_TRUE(absl::IsFailedPrecondition(expired));
  EXPECT_THAT(std::string(expired.message()), HasSubstr("expired at 20"));
  world.clock.Advance(-absl::Hours(48) - absl::Hours(25));
  EXPECT_THAT(std::string(world.authorities->Reload().message()), HasSubstr("not valid before"));
}

TEST(Authorities, KeepTheOldListWhenAReloadFails) {
  World world("alpha", absl::Hours(48));
  world.clock.Advance(absl::Hours(49));
  EXPECT_FALSE(world.authorities->Reload().ok());
  EXPECT_TRUE(world.authorities->Active(store::Purpose::kSlurm).ok());
}

TEST(Authorities, ARevokedOneHasNoSignerAndIsNoAnchor) {
  World world;
  Tamper(world, [](store::AuthorityRow& row) { row.state = store::AuthorityState::kRevoked; });
  ASSERT_TRUE(world.authorities->Reload().ok());
  EXPECT_EQ(Must(world.authorities->Find(world.created.slurm_authority_id))->signer, nullptr);
  EXPECT_TRUE(world.authorities->Anchors(store::Purpose::kSlurm).empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(world.authorities->Active(store::Purpose::kSlurm).status()));
}

}  // namespace
}  // namespace signet::authority
