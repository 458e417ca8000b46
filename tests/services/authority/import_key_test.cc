// A running CA that is taken over with its key.
#include <functional>

#include "services/authority/gate_words.h"
#include "services/authority/import.h"
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/offline_root.h"
#include "tests/testing/openssl_verifier.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddExtension;
using ::signet::testing::MakeRunningCa;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::OpensslAcceptsBothWays;
using ::signet::testing::OpensslRefusesBothWays;
using ::signet::testing::RemoveExtension;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::RsaKey;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);

class ImportKeyTest : public RotationTest {
 protected:
  absl::StatusOr<Imported> Import(const TestRoot& ca, bool dry_run = false) {
    return world.rotation->ImportWithKey({ca.certificate.pem(), Must(ca.key.ToPem()), dry_run}, world.origin);
  }
  std::string Refusal(const absl::StatusOr<Imported>& imported) {
    EXPECT_FALSE(imported.ok());
    return std::string(imported.status().message()) + " | " + base::NextOf(imported.status());
  }
  std::string Steps(const Plan& of) { return absl::StrJoin(of.steps, "\n"); }
  std::vector<x509::Certificate> LeafOf(const std::string& name) {
    const evidence::Token token = world.MakeToken(name);
    signet::testing::SimulatedNode node(name, world.clock);
    const auto signed_now = Must(world.node_certificates->Sign(node.Ask(&token).csr_pem, world.origin));
    return Must(x509::Certificate::ListFromPem(signed_now.issued.chain_pem));
  }
  bool Accepts(const x509::Certificate& anchor, const std::vector<x509::Certificate>& leaf_first) {
    return OpensslAcceptsBothWays(leaf_first[0], {leaf_first.begin() + 1, leaf_first.end()}, {anchor},
                                  world.clock.Now());
  }

  const TestRoot lab = MakeRunningCa(RsaKey(2048), "CN=my_slurm_ca,O=CompanyName", world.clock.Now());
};

TEST_F(ImportKeyTest, WhoTrustsOnlyTheImportedCaAcceptsOurLeaves) {
  ASSERT_FALSE(Accepts(lab.certificate, LeafOf("n1")));
  const uint64_t generation = Newest().generation;
  const Imported imported = Must(Import(lab));
  EXPECT_TRUE(imported.changed);
  EXPECT_EQ(imported.authority.state, store::AuthorityState::kRetired);
  EXPECT_NE(imported.authority.signer, nullptr);
  EXPECT_EQ(Newest().generation, generation + 1);
  EXPECT_EQ(imported.plan.bundle_generation, generation + 1);
  EXPECT_THAT(Newest().ca_cert_pem, HasSubstr(lab.certificate.pem()));
  ASSERT_EQ(Crosses().size(), 1U);
  EXPECT_EQ(Crosses()[0].issuer_id, imported.authority.id);
  EXPECT_EQ(Crosses()[0].subject_id, ActiveId());
  const auto leaf = LeafOf("n2");
  EXPECT_EQ(leaf.size(), 2U);
  EXPECT_TRUE(Accepts(lab.certificate, leaf));
  EXPECT_TRUE(Accepts(world.Root(), leaf));
}

TEST_F(ImportKeyTest, ItsKeyIsSealedBeforeItIsStoredAndNowhereElse) {
  const Imported imported = Must(Import(lab));
  const base::SecretBytes der = Must(lab.key.ToPkcs8Der());
  const std::string secret(der.ExposeSecret().substr(der.size() / 2, 32));
  EXPECT_THAT(Row(imported.authority.id).handle, Not(HasSubstr(secret)));
  EXPECT_EQ(Row(imported.authority.id).custody, "sealed");
  for (const store::AuditRow& row : world.AuditRows()) EXPECT_THAT(row.bytes, Not(HasSubstr(secret)));
  EXPECT_THAT(LastAudit(), HasSubstr("authority.import"));
  EXPECT_THAT(LastAudit(), HasSubstr("cross_serial"));
  world.Restart();
  EXPECT_NE(Must(world.authorities->Find(imported.authority.id))->signer, nullptr);
}

TEST_F(ImportKeyTest, KeysOfEveryKindThatAReaderOfTheBundleTakes) {
  for (const x509::KeyType type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    signet::testing::World other("alpha", absl::Hours(24 * 3650), world.clock.Now());
    const TestRoot ca = MakeRunningCa(Must(keys::PrivateKey::Generate(type)), "CN=Lab", world.clock.Now());
    const auto imported =
        other.rotation->ImportWithKey({ca.certificate.pem(), Must(ca.key.ToPem()), false}, other.origin);
    EXPECT_TRUE(imported.ok()) << imported.status();
  }
}

TEST_F(ImportKeyTest, ADryRunPlansAndChangesNothing) {
  const std::string before = Fingerprint();
  const Imported judged = Must(Import(lab, true));
  EXPECT_FALSE(judged.changed);
  EXPECT_THAT(Steps(judged.plan), HasSubstr("vouches for Slurm CA by a cross certificate"));
  EXPECT_EQ(judged.plan.bundle_generation, Newest().generation + 1);
  EXPECT_EQ(Fingerprint(), before);
  EXPECT_EQ(Must(Import(lab)).plan.steps, judged.plan.steps);
}

TEST_F(ImportKeyTest, RepeatedItChangesNothing) {
  const std::string id = Must(Import(lab)).authority.id;
  const std::string before = Fingerprint();
  const Imported again = Must(Import(lab));
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.authority.id, id);
  EXPECT_EQ(Fingerprint(), before);
  Rotate();  // somebody else vouches for the active one now
  EXPECT_FALSE(Must(Import(lab)).changed);
}

TEST_F(ImportKeyTest, ACrossCertificateThatEndedIsMadeAgain) {
  Must(Import(lab));
  world.clock.Advance(kDay * 200);
  EXPECT_TRUE(Must(Import(lab)).changed);
  EXPECT_EQ(Crosses().size(), 2U);
  EXPECT_TRUE(Accepts(lab.certificate, LeafOf("n1")));
}

TEST_F(ImportKeyTest, AnAnchorThatWasImportedWithoutItsKeyGetsIt) {
  const std::string id = Must(ImportAnchor(world.cluster, lab.certificate.pem(), false, *world.store, *world.custody,
                                           *world.authorities, *world.audit, world.clock, world.origin))
                             .id;
  const uint64_t generation = Newest().generation;
  const Imported imported = Must(Import(lab));
  EXPECT_TRUE(imported.changed);
  EXPECT_EQ(imported.authority.id, id);
  EXPECT_EQ(Newest().generation, generation);
  EXPECT_EQ(Row(id).custody, "sealed");
  EXPECT_TRUE(Accepts(lab.certificate, LeafOf("n1")));
}

TEST_F(ImportKeyTest, TheLineOfCrossesGoesOnThroughTheNextRotation) {
  const x509::Certificate first = world.Root();
  Must(Import(lab));
  const std::string next = Rotate();
  const auto leaf = LeafOf("n1");
  EXPECT_EQ(leaf.size(), 3U);
  EXPECT_TRUE(Accepts(lab.certificate, leaf));
  EXPECT_TRUE(Accepts(first, leaf));
  EXPECT_TRUE(Accepts(Must(x509::Certificate::FromDer(Row(next).certificate_der)), leaf));
}

TEST_F(ImportKeyTest, ASecondOneWaitsUntilTheFirstIsDoneWith) {
  const std::string former = ActiveId();
  Rotate();
  const std::string refusal = Refusal(Import(lab));
  EXPECT_THAT(refusal, HasSubstr("vouches for"));
  EXPECT_THAT(refusal, HasSubstr("signetctl authority revoke " + former.substr(0, 12)));
  Take(Verb::kRevoke, former);
  EXPECT_TRUE(Must(Import(lab)).changed);
  const TestRoot second = MakeRunningCa(RsaKey(2048), "CN=Another lab", world.clock.Now());
  EXPECT_THAT(Refusal(Import(second)), HasSubstr("my_slurm_ca"));
}

TEST_F(ImportKeyTest, ItVouchesForTheRootOfAnActiveSubordinateOne) {
  const TestRoot offline = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  const auto request = *Must(world.rotation->RequestSubordinate({"CN=Sub", false}, world.origin)).request;
  const x509::Certificate own = SignAuthority(offline, request.spki_der, "CN=Sub", world.clock.Now());
  const std::string former = ActiveId();
  Must(world.rotation->ImportSubordinate({own.pem() + offline.certificate.pem(), false}, world.origin));
  Take(Verb::kActivate, request.id);
  Take(Verb::kRevoke, former);
  Must(Import(lab));
  const auto leaf = LeafOf("n1");
  EXPECT_EQ(leaf.size(), 3U);
  EXPECT_TRUE(Accepts(lab.certificate, leaf));
  EXPECT_TRUE(Accepts(offline.certificate, leaf));

  const TestRoot stolen = offline;
  EXPECT_THAT(Refusal(Import(stolen)), HasSubstr("its key belongs where it is"));
}

TEST_F(ImportKeyTest, TheKeyIsThisCertificatesAndCanBeRead) {
  const auto with = [&](base::SecretBytes key) {
    return world.rotation->ImportWithKey({lab.certificate.pem(), std::move(key), false}, world.origin);
  };
  EXPECT_THAT(Refusal(with(Must(RsaKey(2048).ToPem()))), HasSubstr("key_pem: is not the key of CN=my_slurm_ca"));
  const std::string garbage = Refusal(with(base::SecretBytes("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n")));
  EXPECT_THAT(garbage, HasSubstr("key_pem: "));
  EXPECT_THAT(garbage, Not(HasSubstr("c2VjcmV0")));
  EXPECT_THAT(Refusal(with(base::SecretBytes(""))), HasSubstr("key_pem: "));
}

TEST_F(ImportKeyTest, WhatItCouldNotVouchWithIsRefused) {
  const auto changed = [&](const std::function<void(X509*)>& change) {
    return Refusal(world.rotation->ImportWithKey(
        {Must(signet::testing::Changed(lab.certificate, change, lab.key)).pem(), Must(lab.key.ToPem()), false},
        world.origin));
  };
  EXPECT_THAT(changed([](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); }),
              HasSubstr("without its key: signetctl authority import FILE"));
  EXPECT_THAT(changed([](X509* c) { RemoveExtension(c, NID_subject_key_identifier); }),
              HasSubstr("no subjectKeyIdentifier"));
  EXPECT_THAT(changed([](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,cRLSign"); }),
              HasSubstr("keyCertSign"));
  EXPECT_THAT(changed([](X509* c) { AddExtension(c, NID_name_constraints, "permitted;DNS:example.org"); }),
              HasSubstr("must not be passed over"));
  EXPECT_THAT(Refusal(world.rotation->ImportWithKey({"", Must(lab.key.ToPem()), false}, world.origin)),
              HasSubstr("certificate_pem"));
}

TEST_F(ImportKeyTest, ItIsNotRolledBackToAndTheGateAsksForWhomNobodyKnows) {
  const std::string id = Must(Import(lab)).authority.id;
  EXPECT_EQ(Change(Verb::kRollback, id, "test").status().code(), absl::StatusCode::kFailedPrecondition);
  world.clock.Advance(kHold);
  const auto closed = Change(Verb::kRevoke, id);
  EXPECT_EQ(base::ReasonOf(closed.status()), base::kGateClosed);
  EXPECT_THAT(FoldBlockers(plan.blockers), HasSubstr("does not know what"));
  Ack(id, {"unlisted"});
  ASSERT_TRUE(Must(Change(Verb::kRevoke, id)).changed);
  EXPECT_THAT(Newest().ca_cert_pem, Not(HasSubstr(lab.certificate.pem())));
  EXPECT_EQ(LeafOf("n1").size(), 1U);
  ASSERT_TRUE(Must(Change(Verb::kDestroy, id)).changed);
  EXPECT_THAT(Row(id).handle, IsEmpty());
  EXPECT_THAT(Refusal(Import(lab)), HasSubstr("does not come back"));
}

TEST_F(ImportKeyTest, WhoTrustsItAloneKeepsEveryAuthorityBetweenItAndTheActiveOne) {
  const std::string first = ActiveId();
  world.clock.Advance(absl::Seconds(1));
  const std::string id = Must(Import(lab)).authority.id;
  const std::string second = Rotate();
  const std::string third = Rotate();
  world.clock.Advance(kHold);
  EXPECT_EQ(Must(world.rotation->Stand()).authority_id, id) << "the oldest is " << first;
  for (const std::string& between : {first, second}) {
    EXPECT_EQ(base::ReasonOf(Change(Verb::kRevoke, between).status()), base::kGateClosed);
    EXPECT_THAT(FoldBlockers(plan.blockers), HasSubstr("who trusts nothing but my_slurm_ca"));
    EXPECT_THAT(plan.blockers.back().next, HasSubstr("signetctl authority revoke " + id.substr(0, 12)));
  }
  EXPECT_TRUE(Accepts(lab.certificate, LeafOf("n1")));
  Ack(id, {"unlisted"});
  Change(Verb::kRevoke, first, "", true).IgnoreError();
  EXPECT_THAT(FoldBlockers(plan.blockers), Not(HasSubstr("trusts nothing but")));
  EXPECT_EQ(ActiveId(), third);
}

TEST_F(ImportKeyTest, WhereNoLineLeadsThroughAnAuthorityStrangersDoNotHoldIt) {
  const std::string former = ActiveId();
  Must(Import(lab));
  const std::string next = Rotate();
  Take(Verb::kRollback, former);
  world.clock.Advance(kHold);
  EXPECT_TRUE(Must(Change(Verb::kRevoke, next)).changed);
}

TEST_F(ImportKeyTest, ARootAboveASubordinateOneKeepsItsKeyThoughItWasImportedBefore) {
  const TestRoot offline = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  const std::string id = Must(ImportAnchor(world.cluster, offline.certificate.pem(), false, *world.store,
                                           *world.custody, *world.authorities, *world.audit, world.clock, world.origin))
                             .id;
  const auto request = *Must(world.rotation->RequestSubordinate({"CN=Sub", false}, world.origin)).request;
  const x509::Certificate own = SignAuthority(offline, request.spki_der, "CN=Sub", world.clock.Now());
  Must(world.rotation->ImportSubordinate({own.pem() + offline.certificate.pem(), false}, world.origin));
  EXPECT_THAT(Refusal(Import(offline)), HasSubstr("its key belongs where it is"));
  EXPECT_EQ(Row(id).custody, "foreign");
}

TEST_F(ImportKeyTest, WhereItStaysThoughAnotherIsStolenThePlanNamesItsKey) {
  const std::string id = Must(Import(lab)).authority.id;
  world.clock.Advance(kDay * 195);
  const Replacement judged = Must(ReplaceStolen(ActiveId(), true));
  EXPECT_THAT(judged.revoked_ids, Not(::testing::Contains(id)));
  EXPECT_THAT(
      absl::StrJoin(judged.plan.steps, "\n"),
      HasSubstr("stays trusted; its key lay beside the stolen one: signetctl authority revoke " + id.substr(0, 12)));
}

TEST_F(ImportKeyTest, TheStandingWarnsBeforeItsCrossCertificateEnds) {
  const std::string id = Must(Import(lab)).authority.id;
  const absl::Time end = Crosses()[0].not_after;
  world.clock.Advance(end - world.clock.Now() - kPrepareWarning - absl::Seconds(1));
  EXPECT_THAT(Must(world.rotation->Stand()).warning, IsEmpty());
  world.clock.Advance(absl::Seconds(1));
  const Standing standing = Must(world.rotation->Stand());
  EXPECT_THAT(standing.warning, HasSubstr("the cross certificate by my_slurm_ca ends at " + TimeText(end)));
  EXPECT_THAT(standing.warning_next, HasSubstr("signetctl rotation ack unlisted --authority " + id.substr(0, 12)));
  Ack(id, {"unlisted"});
  EXPECT_THAT(Must(world.rotation->Stand()).warning, IsEmpty());
}

TEST_F(ImportKeyTest, WhereItsKeyIsStolenOnlyItLeaves) {
  const std::string active = ActiveId();
  const std::string id = Must(Import(lab)).authority.id;
  const Replacement replaced = Must(ReplaceStolen(id));
  EXPECT_EQ(replaced.revoked_ids, std::vector<std::string>{id});
  EXPECT_EQ(ActiveId(), active);
  const auto leaf = LeafOf("n1");
  EXPECT_TRUE(OpensslRefusesBothWays(leaf[0], {leaf.begin() + 1, leaf.end()}, {lab.certificate}, world.clock.Now()));
}

TEST_F(ImportKeyTest, WhereTheActiveOneIsStolenItsVoucherLeavesToo) {
  const std::string active = ActiveId();
  const std::string id = Must(Import(lab)).authority.id;
  EXPECT_THAT(Must(ReplaceStolen(active)).revoked_ids, ::testing::UnorderedElementsAre(active, id));
}

}  // namespace
}  // namespace signet::authority
