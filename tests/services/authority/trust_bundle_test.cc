#include "services/authority/trust_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/bundle/signed_bundle.h"
#include "tests/services/authority/made_authority.h"

namespace signet::authority {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::TestRoot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kNow = absl::FromUnixSeconds(1763740800);

store::AuthorityRow Row(const Authority& authority, store::AuthorityState state = store::AuthorityState::kActive) {
  store::AuthorityRow row;
  row.id = authority.id;
  row.state = state;
  row.certificate_der = authority.certificate.der();
  for (const x509::Certificate& one : authority.intermediates) row.intermediates_pem += one.pem();
  if (!authority.intermediates.empty()) row.anchor_der = authority.anchor.der();
  return row;
}

std::vector<std::string> Subjects(const std::vector<store::AuthorityRow>& rows, absl::Time now = kNow) {
  std::vector<std::string> subjects;
  for (const x509::Certificate& anchor : Must(AnchorsOf(rows, now))) subjects.push_back(anchor.common_name());
  return subjects;
}

TEST(AnchorsOf, AreThoseOfPreparedActiveAndRetiredSlurmAuthoritiesInOrder) {
  std::vector<store::AuthorityRow> rows;
  const store::AuthorityState states[] = {store::AuthorityState::kRetired, store::AuthorityState::kActive,
                                          store::AuthorityState::kPrepared, store::AuthorityState::kRevoked,
                                          store::AuthorityState::kDestroyed};
  for (int i = 0; i < 5; ++i) {
    rows.push_back(Row(MakeRootAuthority("CN=CA " + std::to_string(i), kNow), states[i]));
    EXPECT_EQ(IsTrusted(states[i]), i < 3);
  }
  rows.push_back(Row(MakeRootAuthority("CN=Control", kNow)));
  rows.back().purpose = store::Purpose::kControl;
  EXPECT_THAT(Subjects(rows), ElementsAre("CA 0", "CA 1", "CA 2"));
}

TEST(AnchorsOf, OfSubordinatesAreTheirRootsEachOnce) {
  const TestRoot root = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  EXPECT_THAT(Subjects({Row(MakeSubordinate("CN=Sub A", root, kNow)), Row(MakeRootAuthority("CN=CA", kNow)),
                        Row(MakeSubordinate("CN=Sub B", root, kNow))}),
              ElementsAre("Offline root", "CA"));
}

TEST(AnchorsOf, LeaveOutWhatExpired) {
  const std::vector<store::AuthorityRow> rows = {Row(MakeRootAuthority("CN=Short", kNow, kDay * 2)),
                                                 Row(MakeRootAuthority("CN=Long", kNow, kDay * 20))};
  EXPECT_THAT(Subjects(rows), ElementsAre("Short", "Long"));
  EXPECT_THAT(Subjects(rows, kNow + kDay * 2), ElementsAre("Long"));
  EXPECT_THAT(Subjects(rows, kNow + kDay * 20), IsEmpty());
}

TEST(AnchorsOf, FailsOnARowThatDoesNotParse) {
  store::AuthorityRow row = Row(MakeRootAuthority("CN=CA", kNow));
  row.certificate_der = "garbage";
  EXPECT_FALSE(AnchorsOf({row}, kNow).ok());
}

class NextBundleTest : public ::testing::Test {
 protected:
  NextBundleTest() {
    bundle::Bundle first;
    first.cluster = "alpha";
    first.generation = 41;
    first.previous_sha256 = std::string(32, 'p');
    first.ca_cert_pem = anchors_[0].pem();
    first.created_at = kNow;
    first.next_bundle_key = announced_;
    newest_ = {41, Must(bundle::Sign(first, key_)), kNow};
  }
  bundle::Bundle Read(const store::BundleRow& row) {
    return Must(bundle::Verify(row.signed_bundle, key_.public_key().spki_sha256(), "alpha"));
  }
  keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const std::string announced_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256)).public_key().spki_der();
  std::vector<x509::Certificate> anchors_ = {MakeRootAuthority("CN=CA 1", kNow).anchor,
                                             MakeRootAuthority("CN=CA 2", kNow).anchor};
  store::BundleRow newest_;
};

TEST_F(NextBundleTest, FollowsTheNewestAndHoldsTheAnchorsInOrder) {
  const store::BundleRow row = Must(NextBundle("alpha", newest_, anchors_, key_, kNow + kDay));
  EXPECT_EQ(row.generation, 42U);
  EXPECT_EQ(row.created_at, kNow + kDay);
  const bundle::Bundle read = Read(row);
  EXPECT_EQ(read.generation, 42U);
  EXPECT_EQ(read.previous_sha256, Must(bundle::BundleSha256(newest_.signed_bundle)));
  EXPECT_EQ(read.next_bundle_key, announced_);
  const auto held = Must(x509::Certificate::ListFromPem(read.ca_cert_pem));
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held[0].der(), anchors_[0].der());
  EXPECT_EQ(held[1].der(), anchors_[1].der());
}

TEST_F(NextBundleTest, SkipsGenerationsWhenAskedAndNeverGoesBack) {
  EXPECT_EQ(Must(NextBundle("alpha", newest_, anchors_, key_, kNow, 1000)).generation, 1000U);
  EXPECT_EQ(Must(NextBundle("alpha", newest_, anchors_, key_, kNow, 7)).generation, 42U);
}

TEST_F(NextBundleTest, IsNeverEmptyAndNeverFollowsWhatDoesNotVerify) {
  EXPECT_TRUE(absl::IsFailedPrecondition(NextBundle("alpha", newest_, {}, key_, kNow).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(NextBundle("beta", newest_, anchors_, key_, kNow).status()));
  const keys::PrivateKey other = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const auto refused = NextBundle("alpha", newest_, anchors_, other, kNow);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("does not verify"));
  newest_.signed_bundle.back() ^= 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(NextBundle("alpha", newest_, anchors_, key_, kNow).status()));
}

}  // namespace
}  // namespace signet::authority
