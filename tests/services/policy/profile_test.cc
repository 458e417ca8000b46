#include "services/policy/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "services/base/reason.h"
#include "services/keys/request_signing.h"
#include "tests/testing/must.h"
#include "tests/testing/temp_dir.h"
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

// The public half of a key that OpenSSL's command makes; Signet itself makes no such kind.
x509::PublicKey ReadKey(const std::string& kind) {
  const ::signet::testing::TempDir dir;
  const std::string file = dir.File("key");
  const std::string line = "openssl genpkey -quiet -algorithm " + kind + " -outform DER -out " + file +
                           ".key 2>/dev/null && openssl pkey -inform DER -in " + file +
                           ".key -pubout -outform DER -out " + file;
  EXPECT_EQ(std::system(line.c_str()), 0) << line;
  std::ifstream in(file, std::ios::binary);
  return Must(x509::PublicKey::FromSpkiDer(std::string(std::istreambuf_iterator<char>(in), {})));
}

// A CSR for CN=n1 with these names in its subjectAltName.
x509::CertificateRequest RequestWith(const std::string& names) {
  const ::signet::testing::TempDir dir;
  const std::string file = dir.File("csr");
  const std::string line =
      "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=n1 -out " +
      file + " -addext subjectAltName=" + names + " 2>/dev/null";
  EXPECT_EQ(std::system(line.c_str()), 0) << line;
  std::ifstream in(file);
  return Must(x509::CertificateRequest::FromPem(std::string(std::istreambuf_iterator<char>(in), {})));
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

TEST(CheckKey, RefusesEveryOtherKindForEverybody) {
  for (const char* kind : {"EC -pkeyopt ec_paramgen_curve:P-521", "RSA-PSS -pkeyopt rsa_keygen_bits:3072", "ED25519"}) {
    const auto key = ReadKey(kind);
    for (const Profile& profile : {NodeProfile(), ServiceProfile(), ControlProfile()}) {
      const absl::Status refused = CheckKey(profile, key);
      EXPECT_EQ(base::ReasonOf(refused), base::kKeyRefused) << kind;
      EXPECT_THAT(std::string(refused.message()), HasSubstr("use P-256 or P-384"));
    }
  }
}

TEST(CheckRequest, RefusesASubjectAltNameThatIsNotTheName) {
  EXPECT_TRUE(CheckRequest(NodeProfile(), RequestWith("DNS:n1"), "n1").ok());
  for (const char* names : {"DNS:n2", "DNS:n1,DNS:n2", "DNS:slurmctld", "DNS:N1"}) {
    EXPECT_EQ(base::ReasonOf(CheckRequest(NodeProfile(), RequestWith(names), "n1")), base::kNameRefused) << names;
  }
}

TEST(LeafTemplate, RefusesWhatItsProfileDoesNotAllow) {
  const auto root = MakeTestRoot(kNow);
  const keys::PrivateKey key = NewKey();
  const keys::PrivateKey rsa = NewKey(x509::KeyType::kRsa);
  const LeafNames names{"n1", {"n1"}, {}};
  const auto make = [&](const Profile& profile, const LeafNames& of, const x509::PublicKey& with) {
    return base::ReasonOf(LeafTemplate(profile, of, with, root.certificate, Serial(), kNow).status());
  };
  EXPECT_EQ(make(NodeProfile(absl::Minutes(1)), names, key.public_key()), base::kConfiguration);
  EXPECT_EQ(make(NodeProfile(), names, rsa.public_key()), base::kKeyRefused);
  EXPECT_EQ(make(NodeProfile(), {"", {}, {}}, key.public_key()), base::kNameRefused);
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
  EXPECT_FALSE(RootTemplate("CN=x", absl::Hours(48), key.public_key(), "short", kNow).ok());
  const keys::PrivateKey rsa = NewKey(x509::KeyType::kRsa);
  EXPECT_EQ(base::ReasonOf(RootTemplate("CN=x", absl::Hours(48), rsa.public_key(), Serial(), kNow).status()),
            base::kKeyRefused);
}

}  // namespace
}  // namespace signet::policy
