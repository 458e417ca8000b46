#include "adapters/slurm/certmgr_state.h"

#include <gtest/gtest.h>

#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "tests/adapters/slurm/scratch.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

std::string RealFile() { return ReadFile(std::string(SIGNET_SOURCE_DIR) + "/tests/golden/certmgr_state.26.05"); }

absl::Status Parsed(const std::string& bytes) { return ParseCertmgrState(base::SecretBytes(bytes)).status(); }

TEST(CertmgrState, ReadsWhatARealSlurmdWrote) {
  const auto state = ParseCertmgrState(base::SecretBytes(RealFile()));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(absl::ToUnixSeconds(state->renewed_at), 1795297853);
  const auto chain = x509::Certificate::ListFromPem(state->certificate_pem);
  ASSERT_TRUE(chain.ok()) << chain.status();
  const auto key = keys::PrivateKey::FromPem(state->key_pem);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(key->public_key() == chain->front().public_key());
}

TEST(CertmgrState, ReadsAChainOfSeveralCertificates) {
  const TestAuthority former("Slurm CA");
  const TestAuthority newest("Slurm CA 2");
  const auto key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const absl::Time now = absl::Now();
  const std::string chain = newest.Issue(key.public_key(), "n1", now - absl::Hours(1), now + absl::Hours(24)) +
                            former.VouchFor(newest, now + absl::Hours(48));
  const auto state = ParseCertmgrState(
      base::SecretBytes(PackCertmgrState(0x2d00, now, chain, std::string(key.ToPem()->ExposeSecret()))));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->certificate_pem, chain);
  EXPECT_EQ(x509::Certificate::ListFromPem(state->certificate_pem)->size(), 2u);
}

TEST(CertmgrState, ReadsTheVersionsOfThreeSlurmsAndNoOther) {
  for (const uint16_t version : {0x2b00, 0x2c00, 0x2d00}) {
    EXPECT_TRUE(Parsed(PackCertmgrState(version, absl::Now(), "c", "k")).ok()) << version;
  }
  for (const uint16_t version : {0x0000, 0x2a00, 0x2b01, 0x2e00, 0x002d, 0xffff}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parsed(PackCertmgrState(version, absl::Now(), "c", "k")))) << version;
  }
}

TEST(CertmgrState, RefusesEveryTruncationAndEveryByteTooMuch) {
  const std::string whole = RealFile();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parsed(whole.substr(0, size)))) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(whole + '\0')));
}

TEST(CertmgrState, RefusesStringsThatDoNotEndWithTheirFirstNul) {
  const std::string whole = PackCertmgrState(0x2d00, absl::Now(), "cert", "key");
  ASSERT_TRUE(Parsed(whole).ok());
  std::string changed = whole;
  changed[14 + 4] = 'x';  // the certificate's NUL
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(changed)));
  changed = whole;
  changed[14 + 1] = '\0';
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(changed)));
  changed = whole;
  changed.back() = 'x';
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(changed)));
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(PackCertmgrState(0x2d00, absl::Now(), "", "key"))));
}

TEST(CertmgrState, RefusesLengthsAndTimesBeyondAllMeasure) {
  std::string changed = PackCertmgrState(0x2d00, absl::Now(), "cert", "key");
  changed[10] = '\xff';
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(changed)));
  changed = PackCertmgrState(0x2d00, absl::Now(), "cert", "key");
  changed[2] = '\x7f';
  EXPECT_TRUE(absl::IsInvalidArgument(Parsed(changed)));
}

TEST(CertmgrState, QuotesNothingOfTheFileInARefusal) {
  const std::string secret = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
  const absl::Status refused = Parsed(PackCertmgrState(0x2d00, absl::Now(), "cert", secret) + "x");
  EXPECT_EQ(refused.message().find(secret), absl::string_view::npos);
}

}  // namespace
}  // namespace signet::slurm
