// What a stolen subordinate authority signs stays refused, whatever certificate its issuers' keys come back under.
#include "services/authority/import.h"
#include "tests/services/authority/made_authority.h"
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/offline_root.h"
#include "tests/testing/openssl_verifier.h"

namespace signet::authority {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::OpensslAccepts;
using ::signet::testing::PemOf;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kDay = absl::Hours(24);

class StolenChainTest : public RotationTest {
 protected:
  TestRoot MakeRoot(const std::string& subject) {
    return MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, subject);
  }
  // The issuing CA's key, certified by `root`.
  x509::Certificate IssuingBelow(const TestRoot& root) {
    return SignAuthority(root, issuing.key.public_key().spki_der(), "CN=Issuing", world.clock.Now(), kDay * 2000);
  }
  x509::Certificate Signed(const std::string& subject) {
    const auto request = *Must(world.rotation->RequestSubordinate({subject, false}, world.origin)).request;
    return SignAuthority(issuing, request.spki_der, subject, world.clock.Now());
  }
  absl::StatusOr<Imported> Import(const std::vector<x509::Certificate>& chain) {
    return world.rotation->ImportSubordinate({PemOf(chain), false}, world.origin);
  }
  absl::Status ImportRoot(const x509::Certificate& root) {
    return ImportAnchor(world.cluster, root.pem(), false, *world.store, *world.custody, *world.authorities,
                        *world.audit, world.clock, world.origin)
        .status();
  }
  // What the thief of `id`, whose certificate is `own`, shows with `above`, to a host with the newest bundle.
  bool ThiefIsAccepted(const std::string& id, const x509::Certificate& own, const std::vector<x509::Certificate>& above,
                       std::vector<x509::Certificate> anchors) {
    const auto signer = Must(world.custody->Open("slurm-authority", {"sealed", handle, own.public_key().spki_der()}));
    EXPECT_EQ(id, own.public_key().key_id());
    Authority thief{id, store::Purpose::kSlurm, store::AuthorityState::kRetired, own, nullptr, {}, own, {}};
    thief.signer = signer;
    std::vector<x509::Certificate> chain = {own};
    chain.insert(chain.end(), above.begin(), above.end());
    return OpensslAccepts(MakeLeaf(thief, world.clock.Now()), chain, anchors, X509_PURPOSE_SSL_SERVER,
                          world.clock.Now());
  }
  std::vector<x509::Certificate> Anchors() { return Must(x509::Certificate::ListFromPem(Newest().ca_cert_pem)); }
  void ExpectRefused(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("does not come back"));
  }

  const TestRoot first_root = MakeRoot("CN=First root");
  const TestRoot second_root = MakeRoot("CN=Second root");
  const TestRoot issuing = MakeRoot("CN=Issuing");  // self-signed: one certificate of several for its key
  std::string handle;
};

TEST_F(StolenChainTest, ItsIssuersKeyDoesNotComeBackAboveTheNextOne) {
  const x509::Certificate own = Signed("CN=Sub A");
  const std::string id = Must(Import({own, IssuingBelow(first_root), first_root.certificate})).authority.id;
  handle = Row(id).handle;
  Take(Verb::kActivate, id);
  Must(ReplaceStolen(id));
  const x509::Certificate next = Signed("CN=Sub B");
  const x509::Certificate again = IssuingBelow(second_root);
  // Were they anchors, hosts would take what the thief signs.
  ASSERT_TRUE(ThiefIsAccepted(id, own, {}, {issuing.certificate}));
  ASSERT_TRUE(ThiefIsAccepted(id, own, {again}, {second_root.certificate}));
  ExpectRefused(Import({next, issuing.certificate}).status());
  ExpectRefused(Import({next, again, second_root.certificate}).status());
  ExpectRefused(ImportRoot(issuing.certificate));
  const std::string key = PemOf({issuing.certificate});
  ExpectRefused(world.rotation->ImportWithKey({key, Must(issuing.key.ToPem()), false}, world.origin).status());
  EXPECT_FALSE(ThiefIsAccepted(id, own, {}, Anchors()));
  EXPECT_FALSE(ThiefIsAccepted(id, own, {again}, Anchors()));
}

TEST_F(StolenChainTest, WhoeverHangsBelowItsIssuersKeyLeavesWithIt) {
  const x509::Certificate own = Signed("CN=Sub A");
  const std::string stolen = Must(Import({own, IssuingBelow(first_root), first_root.certificate})).authority.id;
  handle = Row(stolen).handle;
  const std::string first = ActiveId();
  Take(Verb::kActivate, stolen);
  const x509::Certificate again = IssuingBelow(second_root);
  const std::string other = Must(Import({Signed("CN=Sub B"), again, second_root.certificate})).authority.id;
  ASSERT_TRUE(ThiefIsAccepted(stolen, own, {again}, Anchors()));
  EXPECT_THAT(Must(ReplaceStolen(stolen)).revoked_ids, UnorderedElementsAre(first, stolen, other));
  EXPECT_FALSE(ThiefIsAccepted(stolen, own, {again}, Anchors()));
}

TEST_F(StolenChainTest, ItsIssuersSelfSignedCertificateLeavesWithIt) {
  const x509::Certificate own = Signed("CN=Sub A");
  const std::string stolen = Must(Import({own, IssuingBelow(first_root), first_root.certificate})).authority.id;
  handle = Row(stolen).handle;
  Must(ImportRoot(issuing.certificate));
  ASSERT_TRUE(ThiefIsAccepted(stolen, own, {}, Anchors()));
  EXPECT_THAT(Must(ReplaceStolen(stolen)).revoked_ids, UnorderedElementsAre(stolen, issuing.key.public_key().key_id()));
  EXPECT_FALSE(ThiefIsAccepted(stolen, own, {}, Anchors()));
}

TEST_F(StolenChainTest, ASubordinateThatLeftDoesNotComeBackAsARoot) {
  const x509::Certificate own = Signed("CN=Sub A");
  const std::string id = Must(Import({own, IssuingBelow(first_root), first_root.certificate})).authority.id;
  const auto signer =
      Must(world.custody->Open("slurm-authority", {"sealed", Row(id).handle, own.public_key().spki_der()}));
  Take(Verb::kWithdraw, id);
  const x509::Certificate twin =
      signet::testing::SignTemplate(Must(policy::RootTemplate("CN=Sub A", kDay * 1000, own.public_key(),
                                                              base::SystemRandom().Bytes(20), world.clock.Now())),
                                    *signer);
  ExpectRefused(ImportRoot(twin));
}

TEST_F(StolenChainTest, TheControlAuthorityIsAboveNobody) {
  const auto control = Must(world.authorities->Active(store::Purpose::kControl));
  const std::string& spki = control->certificate.public_key().spki_der();
  const TestRoot& root = second_root;
  const x509::Certificate between = SignAuthority(root, spki, "CN=Between", world.clock.Now(), kDay * 2000);
  const auto request = *Must(world.rotation->RequestSubordinate({"CN=Sub", false}, world.origin)).request;
  x509::CertificateTemplate made =
      Must(policy::RootTemplate("CN=Sub", kDay * 1000, Must(x509::PublicKey::FromSpkiDer(request.spki_der)),
                                base::SystemRandom().Bytes(20), world.clock.Now()));
  made.issuer_der = between.subject_der();
  made.authority_key_id = between.subject_key_id();
  const x509::Certificate own = signet::testing::SignTemplate(made, *control->signer);
  const absl::Status refused = Import({own, between, root.certificate}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("control authority"));
}

TEST_F(StolenChainTest, AnIssuerOfATrustedOneIsNotHeldAgainstTheNext) {
  const x509::Certificate middle = IssuingBelow(first_root);
  const std::string first = Must(Import({Signed("CN=Sub A"), middle, first_root.certificate})).authority.id;
  Take(Verb::kActivate, first);
  const std::string second = Must(Import({Signed("CN=Sub B"), middle, first_root.certificate})).authority.id;
  Take(Verb::kWithdraw, second);
  EXPECT_TRUE(Must(Import({Signed("CN=Sub C"), middle, first_root.certificate})).changed);
}

}  // namespace
}  // namespace signet::authority
