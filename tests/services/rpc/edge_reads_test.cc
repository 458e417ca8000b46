// What the edge tells, and that it tells nothing half when the store fails.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "services/rpc/page.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;

class EdgeReadsTest : public EdgeTest {
 protected:
  EdgeReadsTest() {
    token_id_ = Enrol("n1", "slurmd");
    Enrol("n1", "sackd");
    Enrol("n2", "slurmd");
    world_.MakeToken("n3");
    Must(world_.node_life->Block({"n2"}, "broken", world_.origin));
    Must(world_.named->IssueService("slurmctld", Csr("slurmctld"), world_.origin));
    Must(world_.named->IssueClient("provisioner", "warewulf", "n[1-9]", Csr("warewulf"), world_.origin));
  }
  std::string Enrol(const std::string& name, const std::string& daemon) {
    const evidence::Token token = world_.MakeToken(name, evidence::TokenKind::kSingleUse, daemon);
    SimulatedNode node(name, world_.clock, daemon);
    const auto request = node.Ask(&token);
    EXPECT_TRUE(Sign(Controller(), request).ok());
    EXPECT_TRUE(Sign(Controller(), request).ok());
    return token.id();
  }
  // Asks with the first call of the store failing, then the second, and so on, until all of them worked.
  void ExpectWholeOrError(const std::string& what, const std::function<grpc::Status()>& ask) {
    for (int call = 1; call < 1000; ++call) {
      world_.store->FailCall(call);
      const grpc::Status status = ask();
      const bool failed = world_.store->failed_a_call();
      world_.store->FailCall(0);
      if (!failed) {
        EXPECT_GT(call, 1) << what << " never asked the store";
        EXPECT_TRUE(status.ok()) << what << ": " << status.error_message();
        return;
      }
      EXPECT_EQ(ReasonOf(status), base::kStoreUnavailable) << what << ", call " << call;
      EXPECT_THAT(status.error_message(), HasSubstr("the store is unavailable")) << what;
    }
    ADD_FAILURE() << what << " has no end";
  }
  template <typename Response, typename Request, typename Stub>
  void ExpectWholeOrError(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                          const Request& request) {
    ExpectWholeOrError(Request::descriptor()->name(), [&] {
      Response response;
      return (stub.*method)(Soon().get(), request, &response);
    });
  }
  std::string token_id_;
};

TEST_F(EdgeReadsTest, AStoreThatFailsGivesAnErrorWorthARetryAndNothingHalf) {
  const auto ca = Ca(Admin());
  const auto nodes = Nodes(Admin());
  using CaStub = v1::CertAuthority::Stub;
  using NodesStub = v1::NodeEnrollment::Stub;
  ExpectWholeOrError(*ca, &CaStub::GetTrustBundle, v1::GetTrustBundleRequest());
  ExpectWholeOrError(*ca, &CaStub::ListProvisioners, v1::ListProvisionersRequest());
  ExpectWholeOrError(*ca, &CaStub::ListCertificates, v1::ListCertificatesRequest());
  ExpectWholeOrError(*ca, &CaStub::GetStatus, v1::GetStatusRequest());
  ExpectWholeOrError(*ca, &CaStub::VerifyAudit, v1::VerifyAuditRequest());
  v1::GetCertificateRequest certificate;
  certificate.set_serial(world_.Node("n1").serial);
  ExpectWholeOrError(*ca, &CaStub::GetCertificate, certificate);
  v1::ListAuditRecordsRequest records;
  records.set_newest(true);
  ExpectWholeOrError(*ca, &CaStub::ListAuditRecords, records);
  v1::IssueServiceCertificateRequest service;
  service.set_service("slurmdbd");
  service.set_csr_pem(Csr("slurmdbd"));
  ExpectWholeOrError(*ca, &CaStub::IssueServiceCertificate, service);
  v1::IssueClientCertificateRequest client;
  client.set_role(v1::ROLE_AUDITOR);
  client.set_name("jane");
  client.set_csr_pem(Csr("jane"));
  ExpectWholeOrError(*ca, &CaStub::IssueClientCertificate, client);

  ExpectWholeOrError(*nodes, &NodesStub::ListTokens, v1::ListTokensRequest());
  ExpectWholeOrError(*nodes, &NodesStub::ListNodes, v1::ListNodesRequest());
  v1::GetTokenRequest token;
  token.set_id(token_id_);
  ExpectWholeOrError(*nodes, &NodesStub::GetToken, token);
  v1::GetNodeRequest node;
  node.set_name("n1");
  ExpectWholeOrError(*nodes, &NodesStub::GetNode, node);
  v1::ExplainNodeRequest explain;
  explain.set_node("n1");
  ExpectWholeOrError(*nodes, &NodesStub::ExplainNode, explain);

  v1::CreateTokensRequest create;
  v1::NewToken* fresh = create.add_tokens();
  fresh->set_node("n7");
  fresh->set_daemon("slurmd");
  fresh->set_kind(v1::TOKEN_KIND_BOOT);
  fresh->set_public_key(SimulatedNode::NewKey().public_key().spki_der());
  ExpectWholeOrError(*nodes, &NodesStub::CreateTokens, create);
  v1::RevokeTokensRequest revoke;
  revoke.add_nodes("n7");
  ExpectWholeOrError(*nodes, &NodesStub::RevokeTokens, revoke);
  v1::ApproveNodeRequest approve;
  approve.set_node("n7");
  approve.set_daemon("slurmd");
  approve.set_key_id(std::string(32, 'a'));
  ExpectWholeOrError(*nodes, &NodesStub::ApproveNode, approve);
  v1::BlockNodesRequest block;
  block.add_nodes("n7");
  block.set_reason("test");
  ExpectWholeOrError(*nodes, &NodesStub::BlockNodes, block);
  v1::UnblockNodesRequest unblock;
  unblock.add_nodes("n7");
  ExpectWholeOrError(*nodes, &NodesStub::UnblockNodes, unblock);
  v1::ForgetNodesRequest forget;
  forget.add_nodes("n1");
  ExpectWholeOrError(*nodes, &NodesStub::ForgetNodes, forget);
}

TEST_F(EdgeReadsTest, ARefusalThatCannotBeWrittenIsStillARefusalAndLeavesNoHalf) {
  SimulatedNode stranger("n5", world_.clock);
  const auto request = stranger.Ask();
  // The reads of the judgment come first; the last two calls write the record and the row.
  for (int call = 1; call < 100; ++call) {
    const std::size_t records = Refusals().size();
    world_.store->FailCall(call);
    const grpc::Status status = Sign(Controller(), request);
    const bool failed = world_.store->failed_a_call();
    world_.store->FailCall(0);
    EXPECT_FALSE(status.ok());
    if (!failed) {
      EXPECT_EQ(Refusals().size(), records + 1);
      EXPECT_EQ(Explain("n5").refusals_size(), 1);
      return;
    }
    EXPECT_EQ(Refusals().size(), records) << call;
    EXPECT_EQ(Explain("n5").refusals_size(), 0) << call;
  }
  ADD_FAILURE() << "no end";
}

TEST_F(EdgeReadsTest, StatusCountsAndNamesWhatEndsFirst) {
  v1::GetStatusResponse status;
  ASSERT_TRUE(Ca(Admin())->GetStatus(Soon().get(), {}, &status).ok());
  EXPECT_EQ(status.cluster(), "alpha");
  EXPECT_EQ(status.nodes_enrolled(), 2);
  EXPECT_EQ(status.first_lost_node(), "n1");
  EXPECT_TRUE(status.has_first_lost_at());
  EXPECT_EQ(status.tokens_open(), 1);
  ASSERT_EQ(status.services_size(), 1);
  EXPECT_EQ(status.services(0).service(), "slurmctld");
  EXPECT_EQ(status.authorities_size(), 2);
  EXPECT_EQ(status.authorities(0).certificate_pem(), "");
}

TEST_F(EdgeReadsTest, ListsGoPageByPageToTheirEnd) {
  v1::ListNodesRequest request;
  request.set_page_size(1);
  std::vector<std::string> names;
  do {
    v1::ListNodesResponse page;
    ASSERT_TRUE(Nodes(Admin())->ListNodes(Soon().get(), request, &page).ok());
    for (const v1::Node& node : page.nodes()) {
      names.push_back(absl::StrCat(node.name(), "/", node.daemon(), node.blocked() ? "/blocked" : ""));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ::testing::ElementsAre("n1/sackd", "n1/slurmd", "n2/slurmd/blocked"));
  for (const char* position : {"n1", "n1/slurmd/x"}) {
    request.set_page_token(EncodePageToken("nodes", position));
    v1::ListNodesResponse page;
    EXPECT_EQ(ReasonOf(Nodes(Admin())->ListNodes(Soon().get(), request, &page)), base::kMalformed) << position;
  }
  v1::ListCertificatesRequest certificates;
  certificates.set_page_size(1);
  certificates.set_subject("n1");
  int count = 0;
  do {
    v1::ListCertificatesResponse page;
    ASSERT_TRUE(Ca(Admin())->ListCertificates(Soon().get(), certificates, &page).ok());
    count += page.certificates_size();
    certificates.set_page_token(page.next_page_token());
  } while (!certificates.page_token().empty());
  EXPECT_EQ(count, 2);
}

TEST_F(EdgeReadsTest, TheNewestAuditRecordsAreThePageAtTheEnd) {
  v1::ListAuditRecordsRequest request;
  request.set_newest(true);
  request.set_page_size(2);
  v1::ListAuditRecordsResponse two;
  ASSERT_TRUE(Ca(Admin())->ListAuditRecords(Soon().get(), request, &two).ok());
  ASSERT_EQ(two.records_size(), 2);
  request.set_page_size(1000);
  v1::ListAuditRecordsResponse all;
  ASSERT_TRUE(Ca(Admin())->ListAuditRecords(Soon().get(), request, &all).ok());
  EXPECT_EQ(all.records(0).sequence(), 1u);
  EXPECT_EQ(all.records(all.records_size() - 1).sequence(), two.records(1).sequence());
  request.set_page_size(-1);
  EXPECT_EQ(ReasonOf(Ca(Admin())->ListAuditRecords(Soon().get(), request, &all)), base::kMalformed);
}

TEST_F(EdgeReadsTest, ACertificateIsGivenWithItsPemAndAnUnknownSerialIsNone) {
  v1::GetCertificateRequest request;
  request.set_serial(world_.Node("n1").serial);
  v1::GetCertificateResponse response;
  ASSERT_TRUE(Ca(Admin())->GetCertificate(Soon().get(), request, &response).ok());
  EXPECT_EQ(Must(x509::Certificate::FromPem(response.certificate().pem())).common_name(), "n1");
  request.set_serial("00ff");
  EXPECT_EQ(Ca(Admin())->GetCertificate(Soon().get(), request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_serial("x");
  EXPECT_EQ(ReasonOf(Ca(Admin())->GetCertificate(Soon().get(), request, &response)), base::kMalformed);
}

TEST_F(EdgeReadsTest, WhatIssuingRefusesIsRefusedWithItsField) {
  v1::IssueServiceCertificateRequest service;
  v1::IssueServiceCertificateResponse issued;
  EXPECT_THAT(Ca(Admin())->IssueServiceCertificate(Soon().get(), service, &issued).error_message(),
              HasSubstr("service is empty"));
  service.set_service("slurmdbd");
  EXPECT_THAT(Ca(Admin())->IssueServiceCertificate(Soon().get(), service, &issued).error_message(),
              HasSubstr("csr_pem is empty"));
  service.set_csr_pem(Csr("slurmctld"));
  EXPECT_EQ(ReasonOf(Ca(Admin())->IssueServiceCertificate(Soon().get(), service, &issued)), base::kNameRefused);
  v1::IssueClientCertificateRequest client;
  v1::IssueClientCertificateResponse given;
  client.set_role(v1::ROLE_ADMIN);
  EXPECT_THAT(Ca(Admin())->IssueClientCertificate(Soon().get(), client, &given).error_message(),
              HasSubstr("name is empty"));
  client.set_name("jane");
  EXPECT_THAT(Ca(Admin())->IssueClientCertificate(Soon().get(), client, &given).error_message(),
              HasSubstr("csr_pem is empty"));
  v1::CreateTokensRequest create;
  for (int i = 0; i < 1001; ++i) create.add_tokens();
  v1::CreateTokensResponse created;
  EXPECT_THAT(Nodes(Admin())->CreateTokens(Soon().get(), create, &created).error_message(),
              HasSubstr("tokens has 1001 entries"));
  while (create.tokens_size() > 1) create.mutable_tokens()->RemoveLast();
  EXPECT_THAT(Nodes(Admin())->CreateTokens(Soon().get(), create, &created).error_message(),
              HasSubstr("tokens[0].node is empty"));
}

}  // namespace
}  // namespace signet::rpc
