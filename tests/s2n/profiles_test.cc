// What we issue, as s2n's peers take it.
#include <gtest/gtest.h>

#include "tests/s2n/verdict.h"

namespace signet::testing {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1763740800);

class S2nProfiles : public ::testing::Test {
 protected:
  Verdict Of(const policy::Profile& profile, x509::KeyType type) {
    const TestRoot root = MakeTestRoot(kNow, absl::Hours(24 * 3650), type);
    return Judge(ShowLeaf(root.certificate, root.key, kNow, {}, profile), {root.certificate}, kNow);
  }
};

TEST_F(S2nProfiles, NodesAndServicesAreAcceptedAsServersAndAsClients) {
  for (const x509::KeyType root : {x509::KeyType::kEcP256, x509::KeyType::kEcP384}) {
    EXPECT_EQ(Of(policy::NodeProfile(), root), kAccepted);
    EXPECT_EQ(Of(policy::ServiceProfile(), root), kAccepted);
  }
}

TEST_F(S2nProfiles, AProbeIsAcceptedAsAClientAndNeverAsADaemon) {
  EXPECT_EQ(Of(policy::ProbeProfile(), x509::KeyType::kEcP256), (Verdict{false, true, ""}));
}

TEST_F(S2nProfiles, BeforeAndAfterItsDaysACertificateIsRefused) {
  const TestRoot root = MakeTestRoot(kNow);
  const Shown shown = ShowLeaf(root.certificate, root.key, kNow);
  const S2nFiles peer = Must(S2nFiles::Load(root.certificate.pem(), PemOf(shown.chain), PemOf(shown.key)));
  const S2nFiles judge = Must(S2nFiles::Load(root.certificate.pem(), "", ""));
  EXPECT_TRUE(S2nHandshake(judge, peer, kNow - absl::Minutes(59)).ok);
  EXPECT_TRUE(S2nHandshake(judge, peer, kNow - absl::Minutes(61)).client_refused);
  EXPECT_TRUE(S2nHandshake(judge, peer, kNow + absl::Hours(24 * 7) - absl::Seconds(1)).ok);
  EXPECT_TRUE(S2nHandshake(judge, peer, kNow + absl::Hours(24 * 7) + absl::Seconds(1)).client_refused);
}

}  // namespace
}  // namespace signet::testing
