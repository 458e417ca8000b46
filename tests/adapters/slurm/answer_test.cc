#include "adapters/slurm/answer.h"

#include <gtest/gtest.h>

#include "adapters/slurm/process.h"
#include "services/keys/request_signing.h"
#include "services/x509/der.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

class CheckAnswerTest : public testing::Test {
 protected:
  static x509::CertificateRequest Csr(const keys::PrivateKey& key) {
    return *x509::CertificateRequest::FromPem(*keys::SignRequestPem(key, "n1", ""));
  }
  std::string Leaf(const std::string& name = "n1") const {
    return authority_.Issue(key_.public_key(), name, now_ - absl::Hours(1), now_ + absl::Hours(24));
  }
  absl::StatusOr<std::string> Check(const std::string& chain) const {
    return CheckAnswer(chain, csr_, {authority_.root}, now_);
  }

  const absl::Time now_ = absl::Now();
  const TestAuthority authority_;
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const x509::CertificateRequest csr_ = Csr(key_);
};

TEST_F(CheckAnswerTest, PassesTheRightCertificate) {
  const std::string leaf = Leaf();
  const auto pem = Check(leaf);
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_EQ(*pem, leaf);
}

TEST_F(CheckAnswerTest, PrintsNothingButPem) {
  const auto pem = Check("a remark\n" + Leaf());
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_EQ(pem->find("remark"), std::string::npos);
}

TEST_F(CheckAnswerTest, RefusesAnotherKeysCertificate) {
  const auto other = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  EXPECT_FALSE(Check(authority_.Issue(other.public_key(), "n1", now_ - absl::Hours(1), now_ + absl::Hours(1))).ok());
}

TEST_F(CheckAnswerTest, RefusesAnotherNamesCertificate) {
  const auto refused = Check(Leaf("n2"));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("n2"), absl::string_view::npos);
}

TEST_F(CheckAnswerTest, RefusesAnExpiredOrFutureCertificate) {
  EXPECT_FALSE(Check(authority_.Issue(key_.public_key(), "n1", now_ - absl::Hours(2), now_ - absl::Hours(1))).ok());
  EXPECT_FALSE(Check(authority_.Issue(key_.public_key(), "n1", now_ + absl::Hours(1), now_ + absl::Hours(2))).ok());
}

TEST_F(CheckAnswerTest, RefusesAnotherAuthoritysCertificate) {
  const TestAuthority other;
  EXPECT_FALSE(Check(other.Issue(key_.public_key(), "n1", now_ - absl::Hours(1), now_ + absl::Hours(1))).ok());
}

TEST_F(CheckAnswerTest, RefusesARootBehindTheLeafOrBeforeIt) {
  EXPECT_FALSE(Check(Leaf() + authority_.root.pem()).ok());
  EXPECT_FALSE(Check(authority_.root.pem() + Leaf()).ok());
}

TEST_F(CheckAnswerTest, RefusesASecondLeaf) { EXPECT_FALSE(Check(Leaf() + Leaf("n2")).ok()); }

TEST_F(CheckAnswerTest, RefusesACertificateThatOpensslCannotParse) {
  const auto subject = [](const std::string& organization) {
    const auto rdn = [](const char* oid, const std::string& value) {
      return x509::WriteDer(
          x509::kDerSet,
          x509::WriteDer(x509::kDerSequence, x509::WriteDerOid(oid) + x509::WriteDer(x509::kDerUtf8String, value)));
    };
    return x509::WriteDer(x509::kDerSequence, rdn("2.5.4.10", organization) + rdn("2.5.4.3", "n1"));
  };
  const auto issued = [&](const std::string& organization) {
    return authority_.IssueTo(key_.public_key(), subject(organization), "n1", now_ - absl::Hours(1),
                              now_ + absl::Hours(24));
  };
  EXPECT_TRUE(Check(issued("Example")).ok());
  const auto refused = Check(issued("\xff\xfe"));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("OpenSSL"), absl::string_view::npos) << refused.status();
}

TEST_F(CheckAnswerTest, RefusesWhatIsNoCertificate) {
  EXPECT_FALSE(Check("").ok());
  EXPECT_FALSE(Check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").ok());
  EXPECT_FALSE(Check(Leaf().substr(0, 100)).ok());
}

TEST(ReadAnchors, NamesTheCommandThatWritesAMissingFile) {
  const auto anchors = ReadAnchors("/nonexistent/ca_cert.pem");
  ASSERT_FALSE(anchors.ok());
  EXPECT_NE(ErrorLine("sign-csr", anchors.status()).find("signet-slurm refresh"), std::string::npos);
}

}  // namespace
}  // namespace signet::slurm
