#include "services/authority/cross.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "tests/services/authority/made_authority.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/openssl_verifier.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddExtension;
using ::signet::testing::Changed;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::NameIssuerAndSerial;
using ::signet::testing::OpensslAccepts;
using ::signet::testing::OpensslAcceptsBothWays;
using ::signet::testing::OpensslRefusesBothWays;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Certificates = std::vector<x509::Certificate>;

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kNow = absl::FromUnixSeconds(1763740800);

bool WeAccept(const x509::Certificate& leaf, const Certificates& above, const Certificates& anchors,
              absl::Time now = kNow) {
  return x509::VerifyChain(leaf, above, anchors, now).ok();
}

// What was measured with s2n 1.7.7: what a peer presents, and what who trusts the old authority, or others, says to it.
class ChainTable : public ::testing::Test {
 protected:
  void ExpectAccepted(const x509::Certificate& leaf, const Certificates& above, const Certificates& anchors) {
    EXPECT_TRUE(OpensslAcceptsBothWays(leaf, above, anchors, kNow));
    EXPECT_TRUE(WeAccept(leaf, above, anchors));
  }
  void ExpectRefused(const x509::Certificate& leaf, const Certificates& above, const Certificates& anchors) {
    EXPECT_TRUE(OpensslRefusesBothWays(leaf, above, anchors, kNow));
    EXPECT_FALSE(WeAccept(leaf, above, anchors));
  }

  Authority old_ = MakeRootAuthority("CN=Old CA,O=Example", kNow);
  Authority new_ = MakeRootAuthority("CN=New CA,O=Example", kNow);
  x509::Certificate cross_ = CertificateOf(MakeCrossNow(old_, new_, kNow));
  x509::Certificate old_leaf_ = MakeLeaf(old_, kNow);
  x509::Certificate new_leaf_ = MakeLeaf(new_, kNow);
};

TEST_F(ChainTable, WhoTrustsTheOldOneAcceptsTheNewLeafWithItsCross) {
  ExpectAccepted(new_leaf_, {cross_}, {old_.anchor});
}

TEST_F(ChainTable, WhoTrustsBothOrTheLeafsOwnRootAcceptsEitherChain) {
  for (const Certificates& anchors :
       {Certificates{old_.anchor, new_.anchor}, Certificates{new_.anchor, old_.anchor}, Certificates{new_.anchor}}) {
    ExpectAccepted(new_leaf_, {}, anchors);
    ExpectAccepted(new_leaf_, {cross_}, anchors);
  }
  ExpectAccepted(old_leaf_, {}, {old_.anchor});
  ExpectAccepted(old_leaf_, {}, {old_.anchor, new_.anchor});
}

TEST_F(ChainTable, WhoTrustsTheOldOneRefusesTheNewLeafAlone) { ExpectRefused(new_leaf_, {}, {old_.anchor}); }

TEST_F(ChainTable, WhoTrustsTheNewOneOnlyRefusesTheOldLeafWhateverItBrings) {
  ExpectRefused(old_leaf_, {}, {new_.anchor});
  ExpectRefused(old_leaf_, {cross_}, {new_.anchor});
}

TEST_F(ChainTable, AnOldRootWithPathlen0RefusesTheCross) {
  const auto narrow = Must(Changed(
      old_.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); },
      KeyOf(old_)));
  ExpectRefused(new_leaf_, {cross_}, {narrow});
}

TEST_F(ChainTable, TheSelfSignedNewRootInTheChainHidesTheCross) {
  EXPECT_TRUE(OpensslRefusesBothWays(new_leaf_, {new_.certificate, cross_}, {old_.anchor}, kNow));
}

TEST_F(ChainTable, ALeafThatNamesIssuerAndSerialDoesNotFollowTheCross) {
  const auto bound = Must(Changed(
      new_leaf_, [this](X509* c) { NameIssuerAndSerial(c, new_.certificate); }, KeyOf(new_)));
  EXPECT_TRUE(OpensslRefusesBothWays(bound, {cross_}, {old_.anchor}, kNow));
  EXPECT_TRUE(OpensslAcceptsBothWays(bound, {}, {new_.anchor}, kNow));
  EXPECT_FALSE(policy::CheckFollowsCross(bound).ok());
  EXPECT_TRUE(policy::CheckFollowsCross(new_leaf_).ok());
}

TEST_F(ChainTable, ACrossForServersOnlyIsRefusedFromClients) {
  const auto server_only = Must(Changed(
      cross_, [](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth"); }, KeyOf(old_)));
  EXPECT_TRUE(OpensslAccepts(new_leaf_, {server_only}, {old_.anchor}, X509_PURPOSE_SSL_SERVER, kNow));
  EXPECT_FALSE(OpensslAccepts(new_leaf_, {server_only}, {old_.anchor}, X509_PURPOSE_SSL_CLIENT, kNow));
  EXPECT_FALSE(WeAccept(new_leaf_, {server_only}, {old_.anchor}));
}

TEST_F(ChainTable, WithdrawalIsNoRevocationForWhoTrustsTheOldOneOnly) {
  new_.state = store::AuthorityState::kRevoked;
  ExpectAccepted(new_leaf_, {cross_}, {old_.anchor});
}

TEST_F(ChainTable, AnAnchorFromTheFutureIsRefusedAndABackdatedOneIsNot) {
  const absl::Time slow_clock = kNow - absl::Minutes(50);
  EXPECT_TRUE(OpensslAcceptsBothWays(new_leaf_, {cross_}, {old_.anchor}, slow_clock));
  EXPECT_TRUE(WeAccept(new_leaf_, {cross_}, {old_.anchor}, slow_clock));
  EXPECT_TRUE(OpensslRefusesBothWays(new_leaf_, {cross_}, {old_.anchor}, kNow - kDay * 2));
}

// Each vouches for the next; a leaf of each carries what ChainAbove gives it.
class RotationsInARow : public ::testing::Test {
 protected:
  void Rotate(int times) {
    for (int i = 0; i <= times; ++i) {
      authorities_.push_back(MakeRootAuthority("CN=CA " + std::to_string(i), kNow));
      if (i > 0) crosses_.push_back(MakeCrossNow(authorities_[i - 1], authorities_[i], kNow));
    }
    authorities_.back().state = store::AuthorityState::kActive;
  }
  Certificates Above(std::size_t i, absl::Time now = kNow) {
    return ChainAbove(authorities_[i], authorities_, crosses_, now);
  }
  std::vector<Authority> authorities_;
  std::vector<store::CrossRow> crosses_;
};

TEST_F(RotationsInARow, EveryLeafIsAcceptedByWhoTrustsItsAuthorityOrAnyBefore) {
  Rotate(3);
  for (std::size_t leaf_of = 0; leaf_of < authorities_.size(); ++leaf_of) {
    const x509::Certificate leaf = MakeLeaf(authorities_[leaf_of], kNow);
    const Certificates above = Above(leaf_of);
    EXPECT_EQ(above.size(), leaf_of);
    for (unsigned trusted = 1; trusted < 1U << authorities_.size(); ++trusted) {
      Certificates anchors;
      bool expected = false;
      for (std::size_t i = 0; i < authorities_.size(); ++i) {
        if ((trusted >> i & 1) == 0) continue;
        anchors.push_back(authorities_[i].anchor);
        expected |= i <= leaf_of;
      }
      EXPECT_EQ(OpensslAcceptsBothWays(leaf, above, anchors, kNow), expected) << leaf_of << " by " << trusted;
      EXPECT_EQ(OpensslRefusesBothWays(leaf, above, anchors, kNow), !expected) << leaf_of << " by " << trusted;
      EXPECT_EQ(WeAccept(leaf, above, anchors), expected) << leaf_of << " by " << trusted;
    }
  }
}

TEST_F(RotationsInARow, EachCertificatesIssuerIsTheNextOnesSubject) {
  Rotate(3);
  const Certificates above = Above(3);
  EXPECT_EQ(above.front().subject_der(), authorities_[3].certificate.subject_der());
  for (std::size_t i = 0; i + 1 < above.size(); ++i) EXPECT_EQ(above[i].issuer_der(), above[i + 1].subject_der());
  for (const x509::Certificate& one : above) EXPECT_FALSE(one.self_signed());
}

TEST_F(RotationsInARow, WhoWasRevokedVouchesForNobody) {
  Rotate(3);
  authorities_[1].state = store::AuthorityState::kRevoked;
  EXPECT_EQ(Above(3).size(), 1U);
  EXPECT_THAT(Above(2), IsEmpty());
  const x509::Certificate leaf = MakeLeaf(authorities_[3], kNow);
  EXPECT_TRUE(OpensslAcceptsBothWays(leaf, Above(3), {authorities_[2].anchor}, kNow));
  EXPECT_TRUE(OpensslRefusesBothWays(leaf, Above(3), {authorities_[0].anchor}, kNow));
}

TEST_F(RotationsInARow, AnAuthorityThatNeverSignedVouchesForNobody) {
  Rotate(1);
  authorities_[0].state = store::AuthorityState::kPrepared;
  EXPECT_THAT(Above(1), IsEmpty());
}

TEST_F(RotationsInARow, ACrossEndsTheChainWhenItEnds) {
  Rotate(2);
  crosses_[0] = MakeCrossNow(authorities_[0], authorities_[1], kNow, kDay * 5);
  EXPECT_EQ(Above(2, crosses_[0].not_after - absl::Seconds(1)).size(), 2U);
  EXPECT_EQ(Above(2, crosses_[0].not_after).size(), 1U);
  EXPECT_EQ(Above(2, crosses_[1].not_after).size(), 0U);
}

TEST_F(RotationsInARow, TheNewestCrossCounts) {
  Rotate(1);
  crosses_.push_back(MakeCrossNow(authorities_[0], authorities_[1], kNow, kDay * 40));
  ASSERT_EQ(Above(1).size(), 1U);
  EXPECT_EQ(Above(1)[0].der(), crosses_[1].certificate_der);
}

TEST_F(RotationsInARow, AfterARollbackTheOldOneBringsNothingAndTheNewOnesLeavesKeepTheirCross) {
  Rotate(1);
  authorities_[0].state = store::AuthorityState::kActive;
  authorities_[1].state = store::AuthorityState::kRetired;
  EXPECT_THAT(Above(0), IsEmpty());
  EXPECT_EQ(Above(1).size(), 1U);
}

TEST_F(RotationsInARow, TwoThatVouchForEachOtherMakeNoEndlessChain) {
  Rotate(1);
  crosses_.push_back(MakeCrossNow(authorities_[1], authorities_[0], kNow));
  EXPECT_EQ(Above(1).size(), 1U);
  EXPECT_EQ(Above(0).size(), 1U);
}

TEST_F(RotationsInARow, ACrossThatItsIssuerDidNotSignIsLeftOut) {
  Rotate(1);
  const Authority stranger = MakeRootAuthority("CN=CA 0", kNow);
  crosses_[0].certificate_der = MakeCrossNow(stranger, authorities_[1], kNow).certificate_der;
  EXPECT_THAT(Above(1), IsEmpty());
  crosses_[0].certificate_der = "garbage";
  EXPECT_THAT(Above(1), IsEmpty());
}

TEST_F(RotationsInARow, MoreThanS2nTakesIsNeverPresented) {
  Rotate(9);
  const Certificates above = Above(9);
  EXPECT_EQ(above.size(), kMostAbove);
  const x509::Certificate leaf = MakeLeaf(authorities_[9], kNow);
  for (std::size_t i = 3; i <= 9; ++i) {
    EXPECT_TRUE(OpensslAcceptsBothWays(leaf, above, {authorities_[i].anchor}, kNow)) << i;
  }
  EXPECT_TRUE(OpensslRefusesBothWays(leaf, above, {authorities_[2].anchor}, kNow));
}

class SubordinatesTest : public ::testing::Test {
 protected:
  void ExpectAccepted(const Authority& authority, const Certificates& anchors) {
    const x509::Certificate leaf = MakeLeaf(authority, kNow);
    const Certificates above = ChainAbove(authority, all_, crosses_, kNow);
    EXPECT_TRUE(OpensslAcceptsBothWays(leaf, above, anchors, kNow));
    EXPECT_TRUE(WeAccept(leaf, above, anchors));
  }
  void ExpectRefused(const Authority& authority, const Certificates& anchors) {
    const x509::Certificate leaf = MakeLeaf(authority, kNow);
    EXPECT_TRUE(OpensslRefusesBothWays(leaf, ChainAbove(authority, all_, crosses_, kNow), anchors, kNow));
  }
  TestRoot root1_ = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP256, "CN=Root 1");
  TestRoot root2_ = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP384, "CN=Root 2");
  std::vector<Authority> all_;
  std::vector<store::CrossRow> crosses_;
};

TEST_F(SubordinatesTest, UnderOneRootNeedNoCrossAndGetNone) {
  all_ = {MakeSubordinate("CN=Sub A", root1_, kNow), MakeSubordinate("CN=Sub B", root1_, kNow)};
  EXPECT_FALSE(NeedsCross(all_[0], all_[1]));
  const auto none = MakeCross(all_[0], all_[1], kDay, base::SystemRandom().Bytes(20), kNow);
  EXPECT_TRUE(absl::IsFailedPrecondition(none.status()));
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("none is needed"));
  for (const Authority& one : all_) {
    EXPECT_EQ(ChainAbove(one, all_, {}, kNow).size(), 1U);
    ExpectAccepted(one, {root1_.certificate});
    ExpectRefused(one, {root2_.certificate});
  }
}

TEST_F(SubordinatesTest, UnderTwoRootsTheFirstVouchesForTheSecondRoot) {
  all_ = {MakeSubordinate("CN=Sub A", root1_, kNow), MakeSubordinate("CN=Sub B", root2_, kNow)};
  ASSERT_TRUE(NeedsCross(all_[0], all_[1]));
  crosses_ = {MakeCrossNow(all_[0], all_[1], kNow)};
  const Certificates above = ChainAbove(all_[1], all_, crosses_, kNow);
  ASSERT_EQ(above.size(), 3U);
  EXPECT_EQ(above[0].der(), all_[1].certificate.der());
  EXPECT_EQ(above[1].subject_der(), root2_.certificate.subject_der());
  EXPECT_EQ(above[2].der(), all_[0].certificate.der());
  ExpectAccepted(all_[1], {root1_.certificate});
  ExpectAccepted(all_[1], {root2_.certificate});
  ExpectAccepted(all_[1], {root1_.certificate, root2_.certificate});
  ExpectAccepted(all_[0], {root1_.certificate});
  ExpectRefused(all_[0], {root2_.certificate});
}

TEST_F(SubordinatesTest, ASecondOneUnderTheNewRootUsesTheFirstOnesCross) {
  all_ = {MakeSubordinate("CN=Sub A", root1_, kNow), MakeSubordinate("CN=Sub B", root2_, kNow),
          MakeSubordinate("CN=Sub C", root2_, kNow)};
  crosses_ = {MakeCrossNow(all_[0], all_[1], kNow)};
  EXPECT_FALSE(NeedsCross(all_[1], all_[2]));
  ExpectAccepted(all_[2], {root1_.certificate});
  ExpectAccepted(all_[2], {root2_.certificate});
}

TEST_F(SubordinatesTest, ARootMayFollowASubordinateAndTheOtherWayRound) {
  all_ = {MakeSubordinate("CN=Sub A", root1_, kNow), MakeRootAuthority("CN=CA B", kNow),
          MakeSubordinate("CN=Sub C", root2_, kNow)};
  crosses_ = {MakeCrossNow(all_[0], all_[1], kNow), MakeCrossNow(all_[1], all_[2], kNow)};
  ExpectAccepted(all_[1], {root1_.certificate});
  EXPECT_EQ(ChainAbove(all_[2], all_, crosses_, kNow).size(), 4U);
  ExpectAccepted(all_[2], {root1_.certificate});
  ExpectAccepted(all_[2], {all_[1].anchor});
  ExpectAccepted(all_[2], {root2_.certificate});
}

// What MakeCross says instead of making one.
std::string WhyNot(const Authority& issuer, const Authority& subject, absl::Duration lifetime = kDay) {
  const auto made = MakeCross(issuer, subject, lifetime, base::SystemRandom().Bytes(20), kNow);
  EXPECT_TRUE(absl::IsFailedPrecondition(made.status())) << made.status();
  EXPECT_EQ(base::ReasonOf(made.status()), base::kConfiguration);
  return std::string(made.status().message());
}

// With another pathlen in its certificate, signed by `key`.
Authority Narrowed(const Authority& authority, const keys::PrivateKey& key, int pathlen) {
  const std::string value = "critical,CA:TRUE,pathlen:" + std::to_string(pathlen);
  const auto narrow = Must(Changed(
      authority.certificate, [&](X509* c) { ReplaceExtension(c, NID_basic_constraints, value.c_str()); }, key));
  const bool root = authority.intermediates.empty();
  return AuthorityOf(KeyOf(authority), narrow, root ? Certificates{} : Certificates{narrow},
                     root ? narrow : authority.anchor);
}

TEST_F(SubordinatesTest, APathlenThatLeavesNoRoomIsRefusedAndOneThatDoesIsNot) {
  const Authority root = MakeRootAuthority("CN=Narrow CA", kNow);
  const Authority next = MakeRootAuthority("CN=Next CA", kNow);
  const Authority below = MakeSubordinate("CN=Sub B", root2_, kNow);
  EXPECT_THAT(WhyNot(Narrowed(root, KeyOf(root), 0), next), HasSubstr("CN=Narrow CA has pathlen 0"));
  EXPECT_THAT(WhyNot(Narrowed(root, KeyOf(root), 1), below), HasSubstr("CN=Narrow CA has pathlen 1"));
  all_ = {Narrowed(root, KeyOf(root), 1), next};
  crosses_ = {MakeCrossNow(all_[0], next, kNow)};
  ExpectAccepted(next, {all_[0].anchor});
  all_ = {Narrowed(root, KeyOf(root), 2), below};
  crosses_ = {MakeCrossNow(all_[0], below, kNow)};
  ExpectAccepted(below, {all_[0].anchor});
}

TEST_F(SubordinatesTest, APathlenBetweenASubordinateAndItsRootCountsToo) {
  const Authority next = MakeRootAuthority("CN=Next CA", kNow);
  const Authority sub = MakeSubordinate("CN=Sub A", root1_, kNow);
  EXPECT_THAT(WhyNot(Narrowed(sub, root1_.key, 0), next), HasSubstr("CN=Sub A has pathlen 0"));
  const auto narrow_root = Must(Changed(
      root1_.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:1"); },
      root1_.key));
  EXPECT_THAT(WhyNot(AuthorityOf(KeyOf(sub), sub.certificate, {sub.certificate}, narrow_root), next),
              HasSubstr("CN=Root 1 has pathlen 1"));
}

TEST_F(SubordinatesTest, OneWhoseOwnCertificateNamesItsRootBySerialIsRefused) {
  const Authority sub = MakeSubordinate("CN=Sub B", root2_, kNow);
  const auto bound = Must(Changed(
      sub.certificate, [this](X509* c) { NameIssuerAndSerial(c, root2_.certificate); }, root2_.key, EVP_sha384()));
  const Authority next = AuthorityOf(KeyOf(sub), bound, {bound}, root2_.certificate);
  EXPECT_THAT(WhyNot(MakeSubordinate("CN=Sub A", root1_, kNow), next), HasSubstr("issuer and serial"));
}

TEST_F(SubordinatesTest, WithoutAKeyOrBeyondTheirEndsNoneIsMade) {
  const Authority next = MakeRootAuthority("CN=Next CA", kNow);
  Authority foreign = MakeRootAuthority("CN=Foreign CA", kNow);
  foreign.signer = nullptr;
  EXPECT_THAT(WhyNot(foreign, next), HasSubstr("is not here"));
  const Authority ending = MakeRootAuthority("CN=Ending CA", kNow, kDay * 20);
  EXPECT_THAT(WhyNot(ending, next, kDay * 21), HasSubstr("CN=Ending CA is valid from"));
  EXPECT_THAT(WhyNot(next, ending, kDay * 21), HasSubstr("CN=Ending CA is valid from"));
}

TEST(CrossRowTest, HoldsWhatTheCertificateSays) {
  const Authority issuer = MakeRootAuthority("CN=Old CA", kNow);
  const Authority subject = MakeRootAuthority("CN=New CA", kNow);
  const store::CrossRow row = MakeCrossNow(issuer, subject, kNow + absl::Milliseconds(5), kDay * 3);
  EXPECT_EQ(row.serial, CertificateOf(row).serial());
  EXPECT_EQ(row.issuer_id, issuer.id);
  EXPECT_EQ(row.subject_id, subject.id);
  EXPECT_EQ(row.not_after, kNow + kDay * 3);
  EXPECT_EQ(row.created_at, kNow + absl::Milliseconds(5));
}

TEST(CrossLifetimeTest, IsTheHoldAndTwoLeafLifetimes) { EXPECT_EQ(CrossLifetime(kDay * 14, kDay * 90), kDay * 194); }

}  // namespace
}  // namespace signet::authority
