// The table of docs/rotation.md's cross certificates, asked of s2n itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/authority/cross.h"
#include "tests/s2n/verdict.h"
#include "tests/services/authority/made_authority.h"
#include "tests/testing/changed_certificate.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddExtension;
using ::signet::testing::Certificates;
using ::signet::testing::Changed;
using ::signet::testing::Judge;
using ::signet::testing::kAccepted;
using ::signet::testing::kRefused;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::NameIssuerAndSerial;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::ShowLeaf;
using ::signet::testing::Shown;
using ::signet::testing::TestRoot;
using ::signet::testing::Verdict;

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kNow = absl::FromUnixSeconds(1763740800);

Shown LeafOf(const Authority& authority, const Certificates& above = {}) {
  return ShowLeaf(authority.certificate, *authority.signer, kNow, above);
}

class S2nChainTable : public ::testing::Test {
 protected:
  Verdict Of(const Shown& shown, const Certificates& anchors) { return Judge(shown, anchors, kNow); }
  Authority old_ = MakeRootAuthority("CN=Old CA,O=Example", kNow);
  Authority new_ = MakeRootAuthority("CN=New CA,O=Example", kNow);
  x509::Certificate cross_ = CertificateOf(MakeCrossNow(old_, new_, kNow));
  Certificates old_only_ = {old_.anchor};
};

TEST_F(S2nChainTable, WhoTrustsTheOldOneAcceptsTheNewLeafWithItsCross) {
  EXPECT_EQ(Of(LeafOf(new_, {cross_}), old_only_), kAccepted);
}

TEST_F(S2nChainTable, WhoTrustsBothOrTheLeafsOwnRootAcceptsEitherChain) {
  for (const Certificates& anchors :
       {Certificates{old_.anchor, new_.anchor}, Certificates{new_.anchor, old_.anchor}, Certificates{new_.anchor}}) {
    EXPECT_EQ(Of(LeafOf(new_), anchors), kAccepted);
    EXPECT_EQ(Of(LeafOf(new_, {cross_}), anchors), kAccepted);
  }
  EXPECT_EQ(Of(LeafOf(old_), old_only_), kAccepted);
  EXPECT_EQ(Of(LeafOf(old_), {old_.anchor, new_.anchor}), kAccepted);
}

TEST_F(S2nChainTable, WhoTrustsTheOldOneRefusesTheNewLeafAlone) { EXPECT_EQ(Of(LeafOf(new_), old_only_), kRefused); }

TEST_F(S2nChainTable, WhoTrustsTheNewOneOnlyRefusesTheOldLeafWhateverItBrings) {
  EXPECT_EQ(Of(LeafOf(old_), {new_.anchor}), kRefused);
}

TEST_F(S2nChainTable, AnOldRootWithPathlen0RefusesTheCross) {
  const auto narrow = Must(Changed(
      old_.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); },
      KeyOf(old_)));
  EXPECT_EQ(Of(LeafOf(new_, {cross_}), {narrow}), kRefused);
}

TEST_F(S2nChainTable, TheSelfSignedNewRootInTheChainHidesTheCross) {
  EXPECT_EQ(Of(LeafOf(new_, {new_.certificate, cross_}), old_only_), kRefused);
}

TEST_F(S2nChainTable, ALeafThatNamesIssuerAndSerialDoesNotFollowTheCross) {
  Shown bound = LeafOf(new_, {cross_});
  bound.chain[0] = Must(Changed(
      bound.chain[0], [this](X509* c) { NameIssuerAndSerial(c, new_.certificate); }, KeyOf(new_)));
  EXPECT_EQ(Of(bound, old_only_), kRefused);
  bound.chain.pop_back();
  EXPECT_EQ(Of(bound, {new_.anchor}), kAccepted);
}

TEST_F(S2nChainTable, ACrossForServersOnlyIsRefusedFromClients) {
  const auto server_only = Must(Changed(
      cross_, [](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth"); }, KeyOf(old_)));
  EXPECT_EQ(Of(LeafOf(new_, {server_only}), old_only_), (Verdict{true, false, ""}));
}

TEST_F(S2nChainTable, WithdrawalIsNoRevocationForWhoTrustsTheOldOneOnly) {
  new_.state = store::AuthorityState::kRevoked;
  EXPECT_EQ(Of(LeafOf(new_, {cross_}), old_only_), kAccepted);
}

TEST_F(S2nChainTable, AnAnchorFromTheFutureIsRefusedAndABackdatedOneIsNot) {
  const Shown shown = LeafOf(new_, {cross_});
  const auto judge = Must(testing::S2nFiles::Load(old_.anchor.pem(), "", ""));
  const auto peer =
      Must(testing::S2nFiles::Load(old_.anchor.pem(), testing::PemOf(shown.chain), testing::PemOf(shown.key)));
  EXPECT_TRUE(testing::S2nHandshake(judge, peer, kNow - absl::Minutes(50)).ok);
  EXPECT_TRUE(testing::S2nHandshake(judge, peer, kNow - kDay * 2).client_refused);
}

TEST_F(S2nChainTable, AChainOfAsManyRotationsAsWeEverShowIsAccepted) {
  std::vector<Authority> authorities;
  std::vector<store::CrossRow> crosses;
  for (int i = 0; i <= 9; ++i) {
    authorities.push_back(MakeRootAuthority("CN=CA " + std::to_string(i), kNow));
    if (i > 0) crosses.push_back(MakeCrossNow(authorities[i - 1], authorities[i], kNow));
  }
  const Certificates above = ChainAbove(authorities[9], authorities, crosses, kNow);
  ASSERT_EQ(above.size(), kMostAbove);
  const Shown shown = LeafOf(authorities[9], above);
  for (std::size_t i = 3; i <= 9; ++i) EXPECT_EQ(Of(shown, {authorities[i].anchor}), kAccepted) << i;
  EXPECT_EQ(Of(shown, {authorities[2].anchor}), kRefused);
}

TEST_F(S2nChainTable, SubordinatesUnderOneRootOrTwoAreAccepted) {
  const TestRoot root1 = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP256, "CN=Root 1");
  const TestRoot root2 = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP384, "CN=Root 2");
  const std::vector<Authority> all = {MakeSubordinate("CN=Sub A", root1, kNow),
                                      MakeSubordinate("CN=Sub B", root2, kNow)};
  const std::vector<store::CrossRow> crosses = {MakeCrossNow(all[0], all[1], kNow)};
  const Shown first = LeafOf(all[0], ChainAbove(all[0], all, crosses, kNow));
  const Shown second = LeafOf(all[1], ChainAbove(all[1], all, crosses, kNow));
  EXPECT_EQ(Of(first, {root1.certificate}), kAccepted);
  EXPECT_EQ(Of(first, {root2.certificate}), kRefused);
  EXPECT_EQ(Of(second, {root1.certificate}), kAccepted);
  EXPECT_EQ(Of(second, {root2.certificate}), kAccepted);
  EXPECT_EQ(Of(second, {root1.certificate, root2.certificate}), kAccepted);
}

}  // namespace
}  // namespace signet::authority
