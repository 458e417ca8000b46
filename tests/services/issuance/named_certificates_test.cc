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
  // Empty when there is none.
  store::ProvisionerRow Provisioner(const std::string& name) {
    return world_.Read([&](const store::Tables& tables) { return tables.provisioners().Find(name); })
        .value_or(store::ProvisionerRow{});
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
  const auto leaf = Leaf(world_.named->IssueClient("admin", "jane", "", Csr(key_, "jane"), world_.origin));
  EXPECT_THAT(leaf.uris(), ElementsAre("signet://alpha/admin/jane"));
  EXPECT_THAT(leaf.dns_names(), IsEmpty());
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root(store::Purpose::kControl)).ok());
  EXPECT_FALSE(
      x509::VerifyChain(leaf, {}, world_.authorities->Anchors(store::Purpose::kSlurm), world_.clock.Now()).ok());
}

TEST_F(NamedCertificatesTest, RefusesRolesAndNamesThatAreNone) {
  for (const absl::string_view role : {"", "public", "server", "Admin", "admin/x"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueClient(role, "jane", "", Csr(key_, "jane"), world_.origin).status()),
              base::kMalformed)
        << role;
  }
  for (const std::string name : {"slurmctld", "a/b", "jane doe"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("admin", name, "", Csr(key_, name), world_.origin).status()),
              base::kNameRefused)
        << name;
  }
  EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("service", "n1", "", Csr(key_, "n1"), world_.origin).status()),
            base::kNameRefused);
  EXPECT_TRUE(world_.named->IssueClient("service", "slurmdbd", "", Csr(key_, "slurmdbd"), world_.origin).ok());
}

TEST_F(NamedCertificatesTest, AProvisionersNodesAreStoredWithItsCertificateAndAudited) {
  const auto leaf = Leaf(
      world_.named->IssueClient("provisioner", "warewulf", "n[001-003],n004", Csr(key_, "warewulf"), world_.origin));
  EXPECT_THAT(leaf.uris(), ElementsAre("signet://alpha/provisioner/warewulf"));
  const store::ProvisionerRow row = Provisioner("warewulf");
  EXPECT_EQ(row.nodes, "n[001-004]");
  EXPECT_EQ(row.issued_by, world_.origin.actor);
  EXPECT_EQ(row.issued_at, world_.clock.Now());
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("n[001-004]"));
}

TEST_F(NamedCertificatesTest, TheNewestRequestDecidesAProvisionersNodes) {
  ASSERT_TRUE(
      world_.named->IssueClient("provisioner", "warewulf", "n[1-9]", Csr(key_, "warewulf"), world_.origin).ok());
  ASSERT_TRUE(world_.named->IssueClient("provisioner", "warewulf", "n5", Csr(key_, "warewulf"), world_.origin).ok());
  EXPECT_EQ(Provisioner("warewulf").nodes, "n5");
}

TEST_F(NamedCertificatesTest, AProvisionerNeedsAHostlistAndNobodyElseHasOne) {
  for (const char* nodes : {"", "n[3-1]", "n[", "a b", "slurmctld", "n[1-300000]"}) {
    const auto refused =
        world_.named->IssueClient("provisioner", "warewulf", nodes, Csr(key_, "warewulf"), world_.origin);
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << nodes;
  }
  for (const char* role : {"controller", "observer", "auditor", "admin"}) {
    EXPECT_EQ(base::ReasonOf(world_.named->IssueClient(role, "jane", "n1", Csr(key_, "jane"), world_.origin).status()),
              base::kMalformed)
        << role;
  }
  EXPECT_EQ(Provisioner("warewulf").nodes, "");
}

TEST_F(NamedCertificatesTest, AProvisionersNodesStandOnlyWhenItsCertificateDoes) {
  world_.store->FailCommits(1);
  EXPECT_FALSE(
      world_.named->IssueClient("provisioner", "warewulf", "n[1-9]", Csr(key_, "warewulf"), world_.origin).ok());
  EXPECT_EQ(Provisioner("warewulf").nodes, "");
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
  EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("admin", "jane", "", Csr(key_, "jane"), world_.origin).status()),
            base::kKeyRefused);
}

TEST_F(NamedCertificatesTest, SignsNothingWhenRecordOrAuditCannotBeWritten) {
  world_.store->FailCommits(1);
  const int before = world_.custody->signatures();
  EXPECT_TRUE(
      absl::IsUnavailable(world_.named->IssueService("slurmdbd", Csr(key_, "slurmdbd"), world_.origin).status()));
  EXPECT_EQ(world_.custody->signatures(), before);
}

TEST_F(NamedCertificatesTest, ATesterGetsAProbeOfTheActiveAuthorityAndNamesNone) {
  audit::Origin tester{"kubernetes:signet/signet-test/test-0", "0123456789abcdef", "tester", "test-0"};
  const auto leaf = Leaf(world_.named->IssueProbe("", Csr(key_, "signet-probe"), tester));
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root()).ok());
  // Whoever may only test must be no daemon to anybody.
  EXPECT_EQ(leaf.extended_key_usages(), std::vector<std::string>{"1.3.6.1.5.5.7.3.2"});
  EXPECT_EQ(
      base::ReasonOf(
          world_.named->IssueProbe(world_.created.slurm_authority_id, Csr(key_, "signet-probe"), tester).status()),
      base::kAccessDenied);
  tester.role = "admin";
  EXPECT_EQ(base::ReasonOf(world_.named->IssueProbe("", Csr(key_, "signet-probe"), tester).status()), base::kMalformed);
  EXPECT_EQ(base::ReasonOf(world_.named->IssueClient("tester", "t", "", Csr(key_, "t"), world_.origin).status()),
            base::kMalformed);
}

}  // namespace
}  // namespace signet::issuance
