#include "services/issuance/named_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/keys/request_signing.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::issuance {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::signet::testing::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NamedCertificatesTest : public ::testing::Test {
 protected:
  static std::string Csr(const keys::PrivateKey& key, const std::string& name) {
    return Must(keys::SignRequestPem(key, name, ""));
  }
  x509::Certificate Leaf(const absl::StatusOr<Issued>& issued) {
    return Must(x509::Certificate::FromPem(Must(issued).chain_pem));
  }
  World world_;
  keys::PrivateKey key_ = SimulatedNode::NewKey();
};

TEST_F(NamedCertificatesTest, AServiceGetsItsNameUnderTheSlurmAuthority) {
  const auto leaf = Leaf(world_.named->IssueService("slurmdbd", Csr(key_, "slurmdbd"), world_.origin));
  EXPECT_THAT(leaf.dns_names(), ElementsAre("slurmdbd"));
  EXPECT_THAT(leaf.uris(), IsEmpty());
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root()).ok());
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("certificate.sign"));
}

TEST_F(NamedCertificatesTest, AServicesNameMustBeAServiceAndTheCsrs) {
  EXPECT_EQ(base::ReasonOf(world_.named->IssueService("n1", Csr(key_, "n1"), world_.origin).status()),
            base::kNameRefused);
  EXPECT_EQ(base::ReasonOf(world_.named->IssueService("slurmctld", Csr(key_, "slurmdbd"), world_.origin).status()),
            base::kNameRefused);
  EXPECT_EQ(base::ReasonOf(world_.named->IssueService("", Csr(key_, "n1"), world_.origin).status()),
            base::kNameRefused);
}

TEST_F(NamedCertificatesTest, NodeEvidenceNeverGivesAServiceCertificate) {
  SimulatedNode node("n1", world_.clock);
  const keys::PrivateKey tls = SimulatedNode::NewKey();
  const auto request = node.Request(node.Next(tls), tls, nullptr, "slurmctld");
  EXPECT_EQ(base::ReasonOf(world_.named->IssueService("slurmctld", request.csr_pem, world_.origin).status()),
            base::kCsrRefused);
}

TEST_F(NamedCertificatesTest, AClientsRoleIsInItsUriUnderTheControlAuthority) {
  const auto leaf = Leaf(world_.named->IssueClient("admin", "jane", Csr(key_, "jane"), world_.origin));
  EXPECT_THAT(leaf.uris(), ElementsAre("signet://alpha/admin/jane"));
  EXPECT_THAT(leaf.dns_names(), IsEmpty());
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root(store::Purpose::kControl)).ok());
  EXPECT_FALSE(
      x509::VerifyChain(leaf, {}, world_.authorities->Anchors(store::Purpose::kSlurm), world_.clock.Now()).ok());
}

TEST_F(NamedCertificatesTest, RefusesRolesAndNamesThatAreNone) {
  for (const absl::string_view role : {"", "public", "server", "Admin", "admin/x"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueClient(role, "jane", Csr(key_, "jane"), world_.origin).status()),
              base::kMalformed)
        << role;
  }
  for (const std::string name : {"slurmctld", "a/b", "jane doe"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("admin", name, Csr(key_, name), world_.origin).status()),
              base::kNameRefused)
        << name;
  }
  EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("service", "n1", Csr(key_, "n1"), world_.origin).status()),
            base::kNameRefused);
  EXPECT_TRUE(world_.named->IssueClient("service", "slurmdbd", Csr(key_, "slurmdbd"), world_.origin).ok());
}

TEST_F(NamedCertificatesTest, TheListenerGetsItsHostNames) {
  const auto leaf = Leaf(world_.named->IssueListener({"head1", "head1.example"}, key_.public_key(), world_.origin));
  EXPECT_THAT(leaf.dns_names(), ElementsAre("head1", "head1.example"));
  EXPECT_THAT(leaf.uris(), ElementsAre("signet://alpha/server/signetd"));
  EXPECT_EQ(leaf.common_name(), "head1");
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root(store::Purpose::kControl)).ok());
}

TEST_F(NamedCertificatesTest, TheListenerHasNoAddressesWildcardsOrEmptyNames) {
  for (const std::string name : {"10.0.0.1", "::1", "*.example", "", "head1.", "-a", "a_b", "a..b"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueListener({name}, key_.public_key(), world_.origin).status()),
              base::kNameRefused)
        << name;
  }
  EXPECT_FALSE(world_.named->IssueListener({}, key_.public_key(), world_.origin).ok());
}

TEST_F(NamedCertificatesTest, OneKeyIsNeverCertifiedForTwoNames) {
  EXPECT_TRUE(world_.named->IssueService("slurmdbd", Csr(key_, "slurmdbd"), world_.origin).ok());
  EXPECT_TRUE(world_.named->IssueService("slurmdbd", Csr(key_, "slurmdbd"), world_.origin).ok());
  EXPECT_EQ(base::ReasonOf(world_.named->IssueService("slurmctld", Csr(key_, "slurmctld"), world_.origin).status()),
            base::kKeyRefused);
  EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("admin", "jane", Csr(key_, "jane"), world_.origin).status()),
            base::kKeyRefused);
}

TEST_F(NamedCertificatesTest, SignsNothingWhenRecordOrAuditCannotBeWritten) {
  world_.store->FailCommits(1);
  const int before = world_.custody->signatures();
  EXPECT_TRUE(
      absl::IsUnavailable(world_.named->IssueService("slurmdbd", Csr(key_, "slurmdbd"), world_.origin).status()));
  EXPECT_EQ(world_.custody->signatures(), before);
}

}  // namespace
}  // namespace signet::issuance
