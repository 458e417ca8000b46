#include "adapters/slurm/served_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "services/policy/profile.h"
#include "tests/adapters/slurm/scratch.h"
#include "tests/clients/probe/fake_daemon.h"
#include "tests/testing/test_root.h"

namespace signet::slurm {
namespace {

using ::signet::testing::Must;
using ::testing::HasSubstr;

class ServedCertificateTest : public ::testing::Test {
 protected:
  ServedCertificateTest() { WriteFile(file_, served_.pem()); }
  x509::Certificate Leaf(const keys::PrivateKey& key) const {
    base::SystemRandom random;
    return signet::testing::SignTemplate(
        Must(policy::LeafTemplate(policy::ServiceProfile(), {"slurmdbd", {"slurmdbd"}, {}}, key.public_key(),
                                  root_.certificate, random.Bytes(20), absl::Now())),
        root_.key);
  }
  // What is said while a daemon serves `served_`, which trusts nobody who asks.
  Finding Ask(const std::string& service, clients::Manner manner = clients::Manner::kOpenssl) const {
    const clients::FakeDaemon daemon({manner, TLS1_3_VERSION, root_.certificate, served_, key_});
    return ExamineServed(service, daemon.port(), file_, absl::Minutes(1));
  }
  const Scratch scratch_;
  const std::string file_ = scratch_ / "dbd_cert.pem";
  const signet::testing::TestRoot root_ = signet::testing::MakeTestRoot(absl::Now());
  const keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const x509::Certificate served_ = Leaf(key_);
};

TEST_F(ServedCertificateTest, IsTheOneInTheFileWhenItWasRead) {
  const Finding finding = Ask("slurmdbd");
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_EQ(finding.what, "slurmdbd serves the certificate in " + file_);
}

TEST_F(ServedCertificateTest, IsSeenThoughTheDaemonFallsSilentBeforeWhoShowsNone) {
  const clients::FakeDaemon daemon({clients::Manner::kS2n, TLS1_3_VERSION, root_.certificate, served_, key_});
  EXPECT_EQ(ExamineServed("slurmdbd", daemon.port(), file_, absl::Seconds(3)).level, Level::kOk);
}

TEST_F(ServedCertificateTest, IsAnotherWhenTheFileWasRenewedSince) {
  const x509::Certificate renewed = Leaf(key_);
  WriteFile(file_, renewed.pem());
  const Finding finding = Ask("slurmdbd");
  EXPECT_EQ(finding.level, Level::kFault);
  EXPECT_THAT(finding.what, HasSubstr(served_.serial()));
  EXPECT_THAT(finding.what, HasSubstr(renewed.serial()));
  EXPECT_EQ(finding.next, "systemctl restart slurmdbd");
  EXPECT_EQ(Ask("slurmctld").next, "scontrol reconfigure");
}

TEST_F(ServedCertificateTest, IsNotKnownWhereNobodySpeaksTls) {
  for (const clients::Manner manner : {clients::Manner::kClosesAtOnce, clients::Manner::kGarbage}) {
    const Finding finding = Ask("slurmdbd", manner);
    EXPECT_EQ(finding.level, Level::kNote);
    EXPECT_THAT(finding.what, HasSubstr("is not known"));
    EXPECT_THAT(finding.next, HasSubstr("grep slurmdbd"));
  }
  uint16_t nobody = 0;
  close(clients::ListenOnLoopback(1, nobody));
  EXPECT_EQ(ExamineServed("slurmdbd", nobody, file_, absl::Minutes(1)).level, Level::kNote);
}

TEST_F(ServedCertificateTest, AFileThatHoldsNoneIsAFaultByItself) {
  WriteFile(file_, "garbage");
  const Finding finding = Ask("slurmdbd");
  EXPECT_EQ(finding.level, Level::kFault);
  EXPECT_THAT(finding.what, HasSubstr(file_));
  EXPECT_THAT(finding.next, HasSubstr("signetctl service issue slurmdbd"));
}

TEST(DefaultPort, IsSlurmsOwn) {
  EXPECT_EQ(DefaultPort("slurmctld"), 6817);
  EXPECT_EQ(DefaultPort("slurmdbd"), 6819);
  EXPECT_EQ(DefaultPort("slurmrestd"), 6820);
}

}  // namespace
}  // namespace signet::slurm
