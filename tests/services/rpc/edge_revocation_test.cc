// Certificates that stop being trusted, those that are renewed by their holders, and the lists.
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "services/base/status_macros.h"
#include "services/policy/profile.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class EdgeRevocationTest : public EdgeTest {
 protected:
  EdgeRevocationTest() {
    const evidence::Token token = world_.MakeToken("n1");
    EXPECT_TRUE(Sign(Controller(), n1_.Ask(&token)).ok());
  }
  grpc::Status Revoke(v1::RevokeCertificatesRequest request) {
    if (request.comment().empty()) request.set_comment("sold with its disk");
    return ca_->RevokeCertificates(Soon().get(), request, &revoked_);
  }
  grpc::Status List(const Channel& channel, const std::string& authority_id = "") {
    v1::GetRevocationListRequest request;
    request.set_authority_id(authority_id);
    return Ca(channel)->GetRevocationList(Soon().get(), request, &list_);
  }
  grpc::Status Renew(const Channel& channel, const std::string& csr_pem) {
    v1::RenewClientCertificateRequest request;
    request.set_csr_pem(csr_pem);
    return Ca(channel)->RenewClientCertificate(Soon().get(), request, &renewed_);
  }
  grpc::Status Issue(const Channel& channel, const std::string& service) {
    v1::IssueServiceCertificateRequest request;
    request.set_service(service);
    request.set_csr_pem(Csr(service));
    v1::IssueServiceCertificateResponse response;
    return Ca(channel)->IssueServiceCertificate(Soon().get(), request, &response);
  }

  SimulatedNode n1_{"n1", world_.clock};
  std::unique_ptr<v1::CertAuthority::Stub> ca_ = Ca(Admin());
  v1::RevokeCertificatesResponse revoked_;
  v1::GetRevocationListResponse list_;
  v1::RenewClientCertificateResponse renewed_;
};

TEST_F(EdgeRevocationTest, ASerialIsRevokedOnceAndItsNodeRenewsNoMore) {
  v1::RevokeCertificatesRequest request;
  request.add_serials(world_.Node("n1").serial);
  request.set_reason(v1::REVOCATION_REASON_KEY_COMPROMISE);
  request.set_dry_run(true);
  ASSERT_TRUE(Revoke(request).ok());
  EXPECT_EQ(revoked_.revoked(), 1);
  EXPECT_EQ(world_.Certificates("n1").front().state, store::CertificateState::kIssued);
  request.set_dry_run(false);
  ASSERT_TRUE(Revoke(request).ok());
  EXPECT_EQ(revoked_.revoked(), 1);
  EXPECT_EQ(revoked_.identities_ended(), 1);
  EXPECT_EQ(world_.Certificates("n1").front().state, store::CertificateState::kRevoked);
  ASSERT_TRUE(Revoke(request).ok());
  EXPECT_EQ(revoked_.revoked(), 0);
  EXPECT_EQ(Sign(Controller(), n1_.Ask()).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(EdgeRevocationTest, ANodeIsRevokedByItsName) {
  v1::RevokeCertificatesRequest request;
  request.add_nodes("n1");
  ASSERT_TRUE(Revoke(request).ok());
  EXPECT_EQ(revoked_.revoked(), 1);
  EXPECT_EQ(revoked_.identities_ended(), 1);
}

TEST_F(EdgeRevocationTest, WhatRevokingRefusesIsRecordedAndRevokesNothing) {
  v1::RevokeCertificatesRequest request;
  EXPECT_EQ(ReasonOf(Revoke(request)), base::kMalformed);
  request.add_serials("00ff");
  EXPECT_EQ(Revoke(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request.add_nodes("n1");
  EXPECT_EQ(ReasonOf(Revoke(request)), base::kMalformed);
  request.Clear();
  request.set_authority_id("123");
  EXPECT_EQ(ReasonOf(Revoke(request)), base::kMalformed);
  request.set_authority_id(Must(world_.authorities->Active(store::Purpose::kSlurm))->id);
  EXPECT_EQ(Revoke(request).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  request.set_comment("two\nlines");
  EXPECT_EQ(ReasonOf(Revoke(request)), base::kMalformed);
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(6));
  for (const v1::AuditRecord& record : refusals) EXPECT_EQ(record.action(), "certificate.revoke");
  EXPECT_EQ(refusals[1].subject(), "00ff");
  EXPECT_EQ(world_.Certificates("n1").front().state, store::CertificateState::kIssued);
}

TEST_F(EdgeRevocationTest, AnybodyReadsTheListOfAnAuthority) {
  const std::string active = Must(world_.authorities->Active(store::Purpose::kSlurm))->id;
  ASSERT_TRUE(List(Network()).ok());
  EXPECT_THAT(list_.crl_pem(), StartsWith("-----BEGIN X509 CRL-----\n"));
  EXPECT_EQ(list_.entries(), 0);
  EXPECT_GT(list_.next_update().seconds(), absl::ToUnixSeconds(world_.clock.Now()));
  const uint64_t number = list_.number();
  v1::RevokeCertificatesRequest request;
  request.add_nodes("n1");
  ASSERT_TRUE(Revoke(request).ok());
  world_.clock.Advance(absl::Minutes(2));
  ASSERT_TRUE(List(Network(), active.substr(0, 8)).ok());
  EXPECT_EQ(list_.entries(), 1);
  EXPECT_GT(list_.number(), number);
  EXPECT_EQ(List(Network(), "00112233").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(List(Network(), "' or 1=1")), base::kMalformed);
  EXPECT_EQ(ReasonOf(List(Network(), std::string(65, 'a'))), base::kMalformed);
}

TEST_F(EdgeRevocationTest, AClientRenewsItsOwnRoleAndName) {
  const Channel login = Network("observer", "login1");
  ASSERT_TRUE(Renew(login, Csr("login1")).ok());
  const auto renewed = Must(x509::Certificate::FromPem(renewed_.certificate_chain_pem()));
  EXPECT_THAT(renewed.uris(), ElementsAre("signet://alpha/observer/login1"));
  EXPECT_EQ(renewed.serial(), renewed_.serial());
  EXPECT_EQ(renewed_.control_ca_pem(), world_.Root(store::Purpose::kControl).pem());
  EXPECT_FALSE(Renew(login, Csr("login2")).ok());
  EXPECT_EQ(ReasonOf(Renew(login, "")), base::kMalformed);
  EXPECT_EQ(ReasonOf(Renew(login, std::string(kMaxCsrBytes + 1, 'x'))), base::kMalformed);
}

TEST_F(EdgeRevocationTest, ARevokedClientHasNoRoleFromTheNextCallOn) {
  const Channel auditor = Network("auditor", "jane");
  v1::GetStatusResponse status;
  ASSERT_TRUE(Ca(auditor)->GetStatus(Soon().get(), {}, &status).ok());
  v1::RevokeCertificatesRequest request;
  request.add_serials(world_.Certificates("jane").front().serial);
  ASSERT_TRUE(Revoke(request).ok());
  const grpc::Status denied = Ca(auditor)->GetStatus(Soon().get(), {}, &status);
  EXPECT_EQ(ReasonOf(denied), base::kAccessDenied);
  EXPECT_THAT(denied.error_message(), HasSubstr("its client certificate is revoked"));
  EXPECT_EQ(ReasonOf(Renew(auditor, Csr("jane"))), base::kAccessDenied);
  // What anybody may read it still may.
  EXPECT_TRUE(List(auditor).ok());
}

TEST_F(EdgeRevocationTest, AStoreThatCannotTellWhetherAClientIsRevokedOpensNothing) {
  const Channel auditor = Network("auditor", "jane");
  v1::ListAuthoritiesResponse listed;
  world_.store->FailCall(1);
  const grpc::Status unknown = Ca(auditor)->ListAuthorities(Soon().get(), {}, &listed);
  world_.store->FailCall(0);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(listed.authorities_size(), 0);
  EXPECT_TRUE(Ca(auditor)->ListAuthorities(Soon().get(), {}, &listed).ok());
}

TEST_F(EdgeRevocationTest, AClientCertificateThatIsNotInTheInventoryGivesNoRole) {
  const auto control = Must(world_.authorities->Active(store::Purpose::kControl));
  const auto forge = [&](const std::string& role, const std::string& serial) {
    const keys::PrivateKey key = SimulatedNode::NewKey();
    auto leaf =
        Must(policy::LeafTemplate(policy::ControlProfile(), {"jane", {}, {"signet://alpha/" + role + "/jane"}},
                                  key.public_key(), control->certificate, world_.random.Bytes(20), absl::Now()));
    if (!serial.empty()) leaf.serial = absl::HexStringToBytes(serial);
    const auto algorithm = keys::DefaultAlgorithm(control->certificate.public_key());
    const std::string tbs = Must(x509::EncodeTbs(leaf, algorithm));
    const auto certificate = Must(x509::Certificate::FromDer(
        x509::AssembleCertificate(tbs, algorithm, Must(control->signer->Sign(algorithm, tbs)))));
    v1::GetStatusResponse status;
    return Ca(NetworkWith(PemOf(key), certificate.pem()))->GetStatus(Soon().get(), {}, &status);
  };
  Network("auditor", "jane");  // genuine
  for (const std::string& serial : {std::string(), world_.Certificates("jane").front().serial}) {
    for (const char* role : {"auditor", "admin"}) {
      const grpc::Status refused = forge(role, serial);
      EXPECT_EQ(ReasonOf(refused), base::kAccessDenied) << role << serial;
      EXPECT_THAT(refused.error_message(), HasSubstr("not in the inventory"));
    }
  }
}

TEST_F(EdgeRevocationTest, WithoutACertificateThereIsNothingToRenew) {
  EXPECT_EQ(ReasonOf(Renew(Admin(), Csr("root"))), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Renew(Controller(), Csr("slurmctld"))), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Renew(Network(), Csr("login1"))), base::kAccessDenied);
}

TEST_F(EdgeRevocationTest, AServiceRenewsItsOwnCertificateAndNoOther) {
  const Channel dbd = Network("service", "slurmdbd");
  EXPECT_TRUE(Issue(dbd, "slurmdbd").ok());
  EXPECT_EQ(ReasonOf(Issue(dbd, "slurmctld")), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Issue(Network("observer", "login1"), "slurmdbd")), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Issue(Controller(), "slurmctld")), base::kAccessDenied);
  EXPECT_TRUE(Issue(Admin(), "slurmctld").ok());
}

TEST_F(EdgeRevocationTest, ARevocationOutrunsARenewalThatIsUnderWay) {
  const Channel jane = Network("admin", "jane");
  ASSERT_TRUE(Renew(jane, Csr("jane")).ok());
  const auto rows = world_.Certificates("jane");
  const int before = world_.store->writes();
  grpc::Status late;
  std::thread call;
  // The call was identified, and its record waits behind this transaction.
  Must(world_.store->real().Write([&](store::Tables& tables) -> absl::Status {
    call = std::thread([&] { late = Renew(jane, Csr("jane")); });
    while (world_.store->writes() == before) std::this_thread::yield();
    for (const store::CertificateRow& row : rows) {
      const absl::Time now = world_.clock.Now();
      SIGNET_RETURN_IF_ERROR(
          tables.certificates().Revoke(row.serial, now, store::RevocationReason::kKeyCompromise).status());
    }
    return absl::OkStatus();
  }));
  call.join();
  EXPECT_EQ(ReasonOf(late), base::kAccessDenied);
  EXPECT_THAT(late.error_message(), HasSubstr("revoked meanwhile"));
  EXPECT_EQ(world_.Certificates("jane").size(), rows.size());
  EXPECT_THAT(rows, SizeIs(2));
}

}  // namespace
}  // namespace signet::rpc
