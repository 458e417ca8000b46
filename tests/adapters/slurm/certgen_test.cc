#include "adapters/slurm/certgen.h"

#include <gtest/gtest.h>

#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::slurm {
namespace {

absl::StatusOr<std::string> Make(const keys::PrivateKey& key, const std::string& subject = "CN={host}",
                                 const std::string& host = "login1") {
  base::SystemRandom random;
  return MakeSelfSigned(*key.ToPem(), subject, host, absl::Now(), random);
}

TEST(Certgen, MakesAP256Key) {
  const auto pem = MakeKey();
  ASSERT_TRUE(pem.ok());
  EXPECT_EQ(keys::PrivateKey::FromPem(*pem)->public_key().type(), x509::KeyType::kEcP256);
}

TEST(Certgen, CertifiesTheKeyForBothDirections) {
  for (const auto type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    const auto key = *keys::PrivateKey::Generate(type);
    const auto pem = Make(key);
    ASSERT_TRUE(pem.ok()) << pem.status();
    const auto certificate = *x509::Certificate::FromPem(*pem);
    EXPECT_TRUE(certificate.public_key() == key.public_key());
    EXPECT_TRUE(certificate.VerifySignedBy(certificate).ok());
    EXPECT_EQ(certificate.common_name(), "login1");
    EXPECT_EQ(certificate.dns_names(), std::vector<std::string>{"login1"});
    EXPECT_TRUE(certificate.allows_digital_signature());
    EXPECT_EQ(certificate.extended_key_usages().size(), 2u);
    EXPECT_FALSE(certificate.is_ca());
    EXPECT_LT(certificate.not_before(), absl::Now());
  }
}

TEST(Certgen, FillsTheConfiguredSubject) {
  const auto pem = Make(*keys::PrivateKey::Generate(x509::KeyType::kEcP256), "CN={host},O=Example");
  ASSERT_TRUE(pem.ok());
  EXPECT_NE(x509::Certificate::FromPem(*pem)->subject().find("Example"), std::string::npos);
}

TEST(Certgen, RefusesABadSubjectAndABadKey) {
  EXPECT_FALSE(Make(*keys::PrivateKey::Generate(x509::KeyType::kEcP256), "nonsense").ok());
  base::SystemRandom random;
  EXPECT_FALSE(MakeSelfSigned(base::SecretBytes("not a key"), "CN={host}", "login1", absl::Now(), random).ok());
}

TEST(Certgen, AHostWhoseNameDoesNotFitStillGetsACertificate) {
  const auto pem = Make(*keys::PrivateKey::Generate(x509::KeyType::kEcP256), "CN={host}", "under_score!,O=x");
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_EQ(x509::Certificate::FromPem(*pem)->common_name(), "localhost");
}

}  // namespace
}  // namespace signet::slurm
