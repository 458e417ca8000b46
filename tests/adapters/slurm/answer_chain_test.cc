// Answers while an authority is being replaced: a leaf of the new one, and who vouches for it.
#include <gtest/gtest.h>

#include "adapters/slurm/answer.h"
#include "services/keys/request_signing.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

class AnswerChainTest : public testing::Test {
 protected:
  std::string Leaf(const TestAuthority& authority) const {
    return authority.Issue(key_.public_key(), "n1", now_ - absl::Hours(1), now_ + absl::Hours(24));
  }
  // What is printed for a host that trusts `trusted`; an error's words otherwise.
  std::string Printed(const std::string& chain, const std::vector<const TestAuthority*>& trusted) const {
    std::vector<x509::Certificate> anchors;
    for (const TestAuthority* authority : trusted) anchors.push_back(authority->root);
    const auto pem = CheckAnswer(chain, csr_, anchors, now_);
    return pem.ok() ? *pem : pem.status().ToString();
  }

  const absl::Time now_ = absl::Now();
  const absl::Time end_ = now_ + absl::Hours(24 * 28);
  const TestAuthority oldest_{"Slurm CA"};
  const TestAuthority former_{"Slurm CA 2"};
  const TestAuthority newest_{"Slurm CA 3"};
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const x509::CertificateRequest csr_ = *x509::CertificateRequest::FromPem(*keys::SignRequestPem(key_, "n1", ""));
  const std::string cross_ = former_.VouchFor(newest_, end_);
  const std::string cross_of_former_ = oldest_.VouchFor(former_, end_);
};

TEST_F(AnswerChainTest, ALeafWithItsCrossIsPrintedWhicheverRootIsTrusted) {
  const std::string chain = Leaf(newest_) + cross_;
  EXPECT_EQ(Printed(chain, {&former_}), chain);
  EXPECT_EQ(Printed(chain, {&newest_}), chain);
  EXPECT_EQ(Printed(chain, {&former_, &newest_}), chain);
  EXPECT_EQ(Printed(chain, {&newest_, &former_}), chain);
}

TEST_F(AnswerChainTest, TwoCrossesReachBackTwoAuthorities) {
  const std::string chain = Leaf(newest_) + cross_ + cross_of_former_;
  EXPECT_EQ(Printed(chain, {&oldest_}), chain);
  EXPECT_EQ(Printed(chain, {&former_}), chain);
  EXPECT_EQ(Printed(chain, {&newest_}), chain);
  EXPECT_EQ(Printed(chain, {&oldest_, &former_, &newest_}), chain);
}

TEST_F(AnswerChainTest, AHostThatTrustsNeitherRefuses) {
  EXPECT_NE(Printed(Leaf(newest_), {&former_}).find("no anchor"), std::string::npos);
  EXPECT_NE(Printed(Leaf(newest_) + cross_, {&oldest_}).find("no anchor"), std::string::npos);
  const std::string expired = former_.VouchFor(newest_, now_ - absl::Hours(1));
  EXPECT_NE(Printed(Leaf(newest_) + expired, {&former_}).find("expired"), std::string::npos);
  const std::string chain = Leaf(newest_) + expired;
  EXPECT_EQ(Printed(chain, {&newest_}), chain);
}

TEST_F(AnswerChainTest, TheSelfSignedRootBesideACrossIsRefused) {
  const std::string chain = Leaf(newest_) + newest_.root.pem() + cross_;
  EXPECT_NE(Printed(chain, {&former_}).find("self-signed"), std::string::npos);
}

TEST_F(AnswerChainTest, SevenCertificatesArePrintedAndEightAreNot) {
  std::vector<TestAuthority> line;
  for (int i = 0; i < 8; ++i) line.emplace_back("Slurm CA " + std::to_string(i));
  std::string chain = Leaf(line.back());
  for (std::size_t i = 7; i > 1; --i) chain += line[i - 1].VouchFor(line[i], end_);
  EXPECT_EQ(Printed(chain, {&line[1]}), chain);
  EXPECT_EQ(Printed(chain, {&line[7]}), chain);
  chain += line[0].VouchFor(line[1], end_);
  EXPECT_NE(Printed(chain, {&line[0]}).find("8 certificates; allowed: 1 to 7"), std::string::npos);
}

}  // namespace
}  // namespace signet::slurm
