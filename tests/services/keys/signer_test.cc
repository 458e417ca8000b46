#include "services/keys/signer.h"

#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/keys/private_key.h"

namespace signet::keys {
namespace {

TEST(Signer, ChoosesTheHashOfTheCurvesSize) {
  EXPECT_EQ(DefaultAlgorithm(PrivateKey::Generate(x509::KeyType::kEcP256)->public_key()),
            x509::SignatureAlgorithm::kEcdsaSha256);
  EXPECT_EQ(DefaultAlgorithm(PrivateKey::Generate(x509::KeyType::kEcP384)->public_key()),
            x509::SignatureAlgorithm::kEcdsaSha384);
  EXPECT_EQ(DefaultAlgorithm(PrivateKey::Generate(x509::KeyType::kRsa)->public_key()),
            x509::SignatureAlgorithm::kRsaSha256);
}

// A signature of another domain.
TEST(Signer, KeepsDomainsApart) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const char* const domains[] = {kStatementDomain, kBundleDomain, kReportDomain, kCheckpointDomain};
  for (const char* made : domains) {
    const std::string signature = *SignInDomain(key, made, "bytes");
    for (const char* read : domains) {
      const absl::Status verdict = VerifyInDomain(key.public_key(), read, "bytes", signature);
      EXPECT_EQ(verdict.ok(), made == read) << made << " " << read;
      EXPECT_EQ(base::ReasonOf(verdict), made == read ? "" : base::kEvidenceInvalid);
    }
  }
}

TEST(Signer, LetsNoDomainContinueIntoTheBytes) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string signature = *SignInDomain(key, "signet/a", "bc");
  EXPECT_FALSE(VerifyInDomain(key.public_key(), "signet/ab", "c", signature).ok());
  EXPECT_FALSE(VerifyInDomain(key.public_key(), "signet/a", "bcd", signature).ok());
  EXPECT_FALSE(VerifyInDomain(key.public_key(), "signet/a", "bc", "").ok());
}

TEST(Signer, SignsInADomainWithP256Only) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP384);
  EXPECT_EQ(base::ReasonOf(SignInDomain(key, kBundleDomain, "bytes").status()), base::kKeyRefused);
  EXPECT_EQ(base::ReasonOf(VerifyInDomain(key.public_key(), kBundleDomain, "bytes", "signature")), base::kKeyRefused);
}

}  // namespace
}  // namespace signet::keys
