#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/issuance/named_certificates.h"
#include "services/keys/request_signing.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::issuance {
namespace {

using ::signet::testing::Activate;
using ::signet::testing::AddPrepared;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::signet::testing::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NamedRenewalTest : public ::testing::Test {
 protected:
  // With a new key each time.
  static std::string Csr(const std::string& name) {
    return Must(keys::SignRequestPem(SimulatedNode::NewKey(), name, ""));
  }
  static audit::Origin As(const std::string& role, const std::string& name) {
    return {"tls:signet://alpha/" + role + "/" + name, "0123456789abcdef", role, name};
  }
  static x509::Certificate Leaf(const absl::StatusOr<Issued>& issued) {
    return Must(x509::Certificate::ListFromPem(Must(issued).chain_pem))[0];
  }
  static void ExpectDenied(const absl::Status& status) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_EQ(base::ReasonOf(status), base::kAccessDenied);
  }
  World world_;
};

TEST_F(NamedRenewalTest, AServiceRenewsItsOwnCertificateAndNoOther) {
  EXPECT_EQ(Leaf(world_.named->IssueService("slurmdbd", Csr("slurmdbd"), As("service", "slurmdbd"))).common_name(),
            "slurmdbd");
  ExpectDenied(world_.named->IssueService("slurmctld", Csr("slurmctld"), As("service", "slurmdbd")).status());
  ExpectDenied(world_.named->IssueService("slurmdbd", Csr("slurmdbd"), As("service", "")).status());
  EXPECT_THAT(world_.Certificates("slurmctld"), IsEmpty());
}

TEST_F(NamedRenewalTest, AClientRenewsItsOwnRoleAndName) {
  for (const char* role : {"controller", "observer", "auditor", "admin"}) {
    const std::string name = std::string(role) + "1";
    const auto leaf = Leaf(world_.named->RenewClient(Csr(name), As(role, name)));
    EXPECT_THAT(leaf.uris(), ElementsAre("signet://alpha/" + std::string(role) + "/" + name));
    EXPECT_EQ(leaf.common_name(), name);
    EXPECT_TRUE(leaf.VerifySignedBy(world_.Root(store::Purpose::kControl)).ok());
  }
  EXPECT_THAT(Leaf(world_.named->RenewClient(Csr("slurmdbd"), As("service", "slurmdbd"))).uris(),
              ElementsAre("signet://alpha/service/slurmdbd"));
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("certificate.sign"));
}

TEST_F(NamedRenewalTest, NobodyRenewsWithoutAnOwnNameNorForAnother) {
  ExpectDenied(world_.named->RenewClient(Csr("jane"), world_.origin).status());
  for (const char* role : {"", "public", "server", "Admin"}) {
    ExpectDenied(world_.named->RenewClient(Csr("jane"), As(role, "jane")).status());
  }
  EXPECT_EQ(base::ReasonOf(world_.named->RenewClient(Csr("joe"), As("admin", "jane")).status()), base::kNameRefused);
  EXPECT_EQ(base::ReasonOf(world_.named->RenewClient("no csr", As("admin", "jane")).status()), base::kMalformed);
}

TEST_F(NamedRenewalTest, WhatWasRevokedAfterTheCallerWasIdentifiedObtainsNothing) {
  audit::Origin jane = As("admin", "jane");
  jane.serial = Must(world_.named->IssueClient("admin", "jane", "", Csr("jane"), world_.origin)).serial;
  audit::Origin dbd = As("service", "slurmdbd");
  dbd.serial = Must(world_.named->IssueClient("service", "slurmdbd", "", Csr("slurmdbd"), world_.origin)).serial;
  EXPECT_TRUE(world_.named->RenewClient(Csr("jane"), jane).ok());
  EXPECT_TRUE(world_.named->IssueService("slurmdbd", Csr("slurmdbd"), dbd).ok());
  for (const audit::Origin& origin : {jane, dbd}) {
    Must(world_.store->Write([&](store::Tables& tables) {
      return tables.certificates()
          .Revoke(origin.serial, world_.clock.Now(), store::RevocationReason::kKeyCompromise)
          .status();
    }));
  }
  const std::size_t before = world_.Certificates("jane").size() + world_.Certificates("slurmdbd").size();
  const int signatures = world_.custody->signatures();
  ExpectDenied(world_.named->RenewClient(Csr("jane"), jane).status());
  ExpectDenied(world_.named->IssueClient("admin", "joe", "", Csr("joe"), jane).status());
  ExpectDenied(world_.named->IssueService("slurmdbd", Csr("slurmdbd"), dbd).status());
  EXPECT_EQ(world_.Certificates("jane").size() + world_.Certificates("slurmdbd").size(), before);
  EXPECT_THAT(world_.Certificates("joe"), IsEmpty());
  EXPECT_EQ(world_.custody->signatures(), signatures);
  // One that the ledger does not know, as after a restored backup, holds by its signature.
  jane.serial = "ffff";
  EXPECT_TRUE(world_.named->RenewClient(Csr("jane"), jane).ok());
}

TEST_F(NamedRenewalTest, AProvisionerKeepsItsNodes) {
  Must(world_.named->IssueClient("provisioner", "warewulf", "n[1-9]", Csr("warewulf"), world_.origin).status());
  const auto provisioner = [&] {
    return Must(world_.Read([](const store::Tables& tables) { return tables.provisioners().Find("warewulf"); }));
  };
  const store::ProvisionerRow before = provisioner();
  world_.clock.Advance(absl::Hours(24));
  Must(world_.named->RenewClient(Csr("warewulf"), As("provisioner", "warewulf")).status());
  EXPECT_EQ(provisioner().nodes, "n[1-9]");
  EXPECT_EQ(provisioner().issued_by, before.issued_by);
  EXPECT_EQ(provisioner().issued_at, before.issued_at);
}

TEST_F(NamedRenewalTest, AProbeIsRecordedUnderItsOwnProfileAndAudited) {
  const std::string next = AddPrepared(world_);
  const Issued issued = Must(world_.named->IssueProbe(next, Csr("signet-probe"), world_.origin));
  const auto chain = Must(x509::Certificate::ListFromPem(issued.chain_pem));
  ASSERT_EQ(chain.size(), 1U);
  EXPECT_THAT(chain[0].dns_names(), ElementsAre("signet-probe"));
  EXPECT_TRUE(chain[0].VerifySignedBy(Must(world_.authorities->Find(next))->certificate).ok());
  EXPECT_EQ(issued.not_after, world_.clock.Now() + absl::Minutes(10));
  const auto rows = world_.Certificates("signet-probe");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].profile, store::Profile::kProbe);
  EXPECT_EQ(rows[0].authority_id, next);
  EXPECT_EQ(rows[0].serial, issued.serial);
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("probe"));
}

TEST_F(NamedRenewalTest, AProbeHasOneNameAndNeedsAnAuthorityThatIsNamed) {
  const std::string id = world_.created.slurm_authority_id;
  EXPECT_EQ(base::ReasonOf(world_.named->IssueProbe(id, Csr("slurmctld"), world_.origin).status()), base::kNameRefused);
  EXPECT_TRUE(absl::IsInvalidArgument(world_.named->IssueProbe("", Csr("signet-probe"), world_.origin).status()));
  EXPECT_TRUE(absl::IsNotFound(world_.named->IssueProbe("ffff", Csr("signet-probe"), world_.origin).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      world_.named->IssueProbe(world_.created.control_authority_id, Csr("signet-probe"), world_.origin).status()));
  EXPECT_THAT(world_.Certificates("signet-probe"), IsEmpty());
}

TEST_F(NamedRenewalTest, AServiceAndANodeAreSignedByTheNewAuthorityWhenItWasRotatedUnseen) {
  SimulatedNode node("n1", world_.clock);
  const keys::PrivateKey tls = SimulatedNode::NewKey();
  const evidence::Token token = world_.MakeToken("n1");
  const auto request = node.Request(node.Next(tls), tls, &token, "n1");
  const std::string next = AddPrepared(world_);
  Activate(world_, next);
  const auto leaf = Leaf(world_.named->IssueService("slurmdbd", Csr("slurmdbd"), world_.origin));
  EXPECT_TRUE(leaf.VerifySignedBy(Must(world_.authorities->Find(next))->certificate).ok());

  const std::string third = AddPrepared(world_, "CN=Slurm CA 3,O=Example");
  Activate(world_, third);
  const auto enrolled = Must(world_.node_certificates->Sign(request.csr_pem, world_.origin));
  EXPECT_EQ(world_.Certificates("n1")[0].authority_id, third);
  ASSERT_EQ(world_.Certificates("n1").size(), 1U);
  EXPECT_EQ(Must(x509::Certificate::ListFromPem(enrolled.issued.chain_pem)).size(), 3U);
}

}  // namespace
}  // namespace signet::issuance
