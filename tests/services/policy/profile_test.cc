#include "services/policy/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/keys/request_signing.h"
#include "tests/testing/must.h"
#include "tests/testing/test_root.h"

namespace signet::policy {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixMillis(1763740800123);

keys::PrivateKey NewKey(x509::KeyType type = x509::KeyType::kEcP256) { return Must(keys::PrivateKey::Generate(type)); }

x509::CertificateRequest Request(const keys::PrivateKey& key, absl::string_view name) {
  return Must(x509::CertificateRequest::FromPem(Must(keys::SignRequestPem(key, name, ""))));
}

std::string Serial() { return base::SystemRandom().Bytes(20); }

TEST(CheckProfile, BoundsTheLifetimeAndNamesTheSetting) {
  EXPECT_TRUE(CheckProfile(NodeProfile()).ok());
  EXPECT_TRUE(CheckProfile(NodeProfile(absl::Hours(1))).ok());
  EXPECT_TRUE(CheckProfile(ServiceProfile(absl::Hours(24 * 825))).ok());
  const absl::Status low = CheckProfile(NodeProfile(absl::Minutes(59)));
  EXPECT_TRUE(absl::IsFailedPrecondition(low));
  EXPECT_THAT(base::NextOf(low), HasSubstr("profiles.node.lifetime"));
  EXPECT_FALSE(CheckProfile(NodeProfile(absl::Hours(24 * 825) + absl::Seconds(1))).ok());
  EXPECT_FALSE(CheckProfile(NodeProfile(absl::InfiniteDuration())).ok());
  EXPECT_FALSE(CheckProfile(NodeProfile(-absl::Hours(24))).ok());
}

TEST(CheckKey, AllowsTheTwoCurvesForEverybody) {
  for (const Profile& profile : {NodeProfile(), ServiceProfile(), ControlProfile()}) {
    EXPECT_TRUE(CheckKey(profile, NewKey(x509::KeyType::kEcP256).public_key()).ok());
    EXPECT_TRUE(CheckKey(profile, NewKey(x509::KeyType::kEcP384).public_key()).ok());
  }
}

TEST(CheckKey, AllowsRsaToServicesOnly) {
  const keys::PrivateKey rsa = NewKey(x509::KeyType::kRsa);
  EXPECT_TRUE(CheckKey(ServiceProfile(), rsa.public_key()).ok());
  EXPECT_EQ(base::ReasonOf(CheckKey(NodeProfile(), rsa.public_key())), base::kKeyRefused);
  EXPECT_EQ(base::ReasonOf(CheckKey(ControlProfile(), rsa.public_key())), base::kKeyRefused);
}

TEST(CheckRequest, ComparesTheNameExactly) {
  const keys::PrivateKey key = NewKey();
  const x509::CertificateRequest request = Request(key, "n1");
  EXPECT_TRUE(CheckRequest(NodeProfile(), request, "n1").ok());
  for (const absl::string_view other : {"n10", "N1", "n1 ", "", "n", "slurmctld", ".*"}) {
    EXPECT_EQ(base::ReasonOf(CheckRequest(NodeProfile(), request, other)), base::kNameRefused) << other;
  }
  EXPECT_EQ(base::ReasonOf(CheckRequest(NodeProfile(), request, absl::string_view("n1\0x", 4))), base::kNameRefused);
}

TEST(LeafTemplate, TakesEverythingFromTheProfile) {
  const auto root = MakeTestRoot(kNow);
  const keys::PrivateKey key = NewKey();
  const auto leaf = LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, Serial(), kNow);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->not_before, absl::FromUnixSeconds(1763740800) - absl::Hours(1));
  EXPECT_EQ(leaf->not_after, absl::FromUnixSeconds(1763740800) + absl::Hours(168));
  EXPECT_THAT(leaf->dns_names, ElementsAre("n1"));
  EXPECT_FALSE(leaf->is_ca);
  EXPECT_FALSE(leaf->certificate_signing);
  EXPECT_TRUE(leaf->server_auth && leaf->client_auth && leaf->digital_signature);
  EXPECT_EQ(leaf->authority_key_id, root.certificate.subject_key_id());
  EXPECT_EQ(leaf->issuer_der, root.certificate.subject_der());
}

TEST(LeafTemplate, MakesEverySerialPositiveAndOfOneLength) {
  const auto root = MakeTestRoot(kNow);
  const keys::PrivateKey key = NewKey();
  for (const std::string& random : {std::string(20, '\0'), std::string(20, '\xff')}) {
    const auto leaf = LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, random, kNow);
    ASSERT_TRUE(leaf.ok());
    EXPECT_EQ(leaf->serial.size(), 20U);
    EXPECT_EQ(static_cast<unsigned char>(leaf->serial[0]) & 0xc0, 0x40);
  }
  EXPECT_FALSE(LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, "short", kNow).ok());
}

TEST(LeafTemplate, NeverOutlivesItsIssuerNorPrecedesIt) {
  const auto root = MakeTestRoot(kNow, absl::Hours(48));
  const keys::PrivateKey key = NewKey();
  const absl::Time late = kNow + absl::Hours(40);
  const auto clamped =
      LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, Serial(), late);
  ASSERT_TRUE(clamped.ok());
  EXPECT_EQ(clamped->not_after, root.certificate.not_after());
  const auto early = LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, Serial(),
                                  kNow - kAuthorityBackdate + absl::Minutes(10));
  ASSERT_TRUE(early.ok());
  EXPECT_EQ(early->not_before, root.certificate.not_before());
}

TEST(LeafTemplate, RefusesAnIssuerWithUnderAnHourLeftOrNotYetValid) {
  const auto root = MakeTestRoot(kNow, absl::Hours(48));
  const keys::PrivateKey key = NewKey();
  for (const absl::Time when :
       {kNow + absl::Hours(47) + absl::Minutes(1), kNow + absl::Hours(500), kNow - absl::Hours(25)}) {
    const auto leaf =
        LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate, Serial(), when);
    EXPECT_TRUE(absl::IsFailedPrecondition(leaf.status())) << leaf.status();
  }
}

TEST(LeafTemplate, RefusesTheAuthoritysOwnKey) {
  const auto root = MakeTestRoot(kNow);
  const auto leaf =
      LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, root.key.public_key(), root.certificate, Serial(), kNow);
  EXPECT_EQ(base::ReasonOf(leaf.status()), base::kKeyRefused);
}

TEST(RootTemplate, IsBackdatedADayAndBounded) {
  const auto root = MakeTestRoot(kNow);
  EXPECT_EQ(root.certificate.not_before(), absl::FromUnixSeconds(1763740800) - absl::Hours(24));
  EXPECT_TRUE(LintRoot(root.certificate).ok()) << LintRoot(root.certificate);
  const keys::PrivateKey key = NewKey();
  EXPECT_FALSE(RootTemplate("CN=x", absl::Hours(23), key.public_key(), Serial(), kNow).ok());
  EXPECT_FALSE(RootTemplate("CN=x", absl::Hours(24 * 366 * 31), key.public_key(), Serial(), kNow).ok());
  EXPECT_FALSE(RootTemplate("nonsense", absl::Hours(48), key.public_key(), Serial(), kNow).ok());
  const keys::PrivateKey rsa = NewKey(x509::KeyType::kRsa);
  EXPECT_EQ(base::ReasonOf(RootTemplate("CN=x", absl::Hours(48), rsa.public_key(), Serial(), kNow).status()),
            base::kKeyRefused);
}

}  // namespace
}  // namespace signet::policy
