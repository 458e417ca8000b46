// Every method over a store that fails at any one call: the client is told to try again, and trying again works.
#include <functional>
#include <string>

#include "services/policy/profile.h"
#include "services/x509/certificate_template.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;

class EdgeFailingStoreTest : public EdgeTest {
 protected:
  EdgeFailingStoreTest() {
    const evidence::Token token = world_.MakeToken("n1", TokenKind::kReusable);
    EXPECT_TRUE(Sign(Controller(), n1_.Ask(&token)).ok());
    EXPECT_TRUE(Issue("slurmctld").ok());
  }

  // `call` is made with the first call of the store failing, then the second, and so on, until all of them worked.
  void ExpectRetries(const std::string& what, const std::function<grpc::Status()>& call) {
    for (int number = 1; number < 1000; ++number) {
      world_.store->FailCall(number);
      const grpc::Status status = call();
      const bool failed = world_.store->failed_a_call();
      world_.store->FailCall(0);
      if (!failed) {
        EXPECT_GT(number, 1) << what << " never asked the store";
        EXPECT_TRUE(status.ok()) << what << ": " << status.error_message();
        return;
      }
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
          << what << ", call " << number << ": " << status.error_message();
    }
    ADD_FAILURE() << what << " has no end";
  }
  template <typename Stub, typename Request, typename Response>
  void ExpectRetries(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     const Request& request) {
    ExpectRetries(Request::descriptor()->name(), [&] {
      Response response;
      return (stub.*method)(Soon().get(), request, &response);
    });
  }

  grpc::Status Issue(const std::string& service) {
    v1::IssueServiceCertificateRequest request;
    request.set_service(service);
    request.set_csr_pem(Must(keys::SignRequestPem(SimulatedNode::NewKey(), service, "")));
    v1::IssueServiceCertificateResponse response;
    return Ca(Admin())->IssueServiceCertificate(Soon().get(), request, &response);
  }
  std::string ForeignRoot() {
    const keys::PrivateKey key = SimulatedNode::NewKey();
    const auto algorithm = keys::DefaultAlgorithm(key.public_key());
    const auto root = Must(policy::RootTemplate("CN=Lab CA", absl::Hours(24 * 365), key.public_key(),
                                                world_.random.Bytes(20), absl::Now()));
    const std::string tbs = Must(x509::EncodeTbs(root, algorithm));
    return Must(x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, Must(key.Sign(algorithm, tbs)))))
        .pem();
  }

  SimulatedNode n1_{"n1", world_.clock};
  std::unique_ptr<v1::CertAuthority::Stub> ca_ = Ca(Admin());
  std::unique_ptr<v1::NodeEnrollment::Stub> nodes_ = Nodes(Admin());
};

TEST_F(EdgeFailingStoreTest, EveryReadIsWorthTryingAgain) {
  using CaStub = v1::CertAuthority::Stub;
  using NodeStub = v1::NodeEnrollment::Stub;
  const std::string serial = world_.Certificates("n1").front().serial;
  v1::GetCertificateRequest certificate;
  certificate.set_serial(serial);
  v1::ListAuditRecordsRequest newest;
  newest.set_newest(true);
  newest.set_page_size(1);
  v1::GetNodeRequest node;
  node.set_name("n1");
  v1::ExplainNodeRequest explain;
  explain.set_node("n1");
  v1::ListTokensRequest all;
  all.set_all(true);
  v1::ListTokensResponse tokens;
  ASSERT_TRUE(nodes_->ListTokens(Soon().get(), all, &tokens).ok());
  v1::GetTokenRequest token;
  token.set_id(tokens.tokens(0).id());
  ExpectRetries(*ca_, &CaStub::GetTrustBundle, v1::GetTrustBundleRequest());
  ExpectRetries(*ca_, &CaStub::ListProvisioners, v1::ListProvisionersRequest());
  ExpectRetries(*ca_, &CaStub::ListCertificates, v1::ListCertificatesRequest());
  ExpectRetries(*ca_, &CaStub::GetCertificate, certificate);
  ExpectRetries(*ca_, &CaStub::GetStatus, v1::GetStatusRequest());
  ExpectRetries(*ca_, &CaStub::ListAuditRecords, v1::ListAuditRecordsRequest());
  ExpectRetries(*ca_, &CaStub::ListAuditRecords, newest);
  ExpectRetries(*ca_, &CaStub::VerifyAudit, v1::VerifyAuditRequest());
  ExpectRetries(*ca_, &CaStub::ListAuthorities, v1::ListAuthoritiesRequest());
  ExpectRetries(*ca_, &CaStub::GetRotationStatus, v1::GetRotationStatusRequest());
  ExpectRetries(*ca_, &CaStub::GetRevocationList, v1::GetRevocationListRequest());
  ExpectRetries(*nodes_, &NodeStub::ListTokens, all);
  ExpectRetries(*nodes_, &NodeStub::GetToken, token);
  ExpectRetries(*nodes_, &NodeStub::ListNodes, v1::ListNodesRequest());
  ExpectRetries(*nodes_, &NodeStub::GetNode, node);
  ExpectRetries(*nodes_, &NodeStub::ExplainNode, explain);
}

TEST_F(EdgeFailingStoreTest, EveryChangeIsWorthTryingAgain) {
  using CaStub = v1::CertAuthority::Stub;
  using NodeStub = v1::NodeEnrollment::Stub;
  ExpectRetries("IssueServiceCertificate", [&] { return Issue("slurmdbd"); });
  v1::IssueClientCertificateRequest client;
  client.set_role(v1::ROLE_PROVISIONER);
  client.set_name("warewulf");
  client.set_nodes("n[1-9]");
  client.set_csr_pem(Must(keys::SignRequestPem(SimulatedNode::NewKey(), "warewulf", "")));
  ExpectRetries(*ca_, &CaStub::IssueClientCertificate, client);
  v1::ImportAuthorityRequest import;
  import.set_certificate_pem(ForeignRoot());
  ExpectRetries(*ca_, &CaStub::ImportAuthority, import);

  v1::CreateTokensRequest create;
  v1::NewToken* token = create.add_tokens();
  token->set_node("n2");
  token->set_daemon("slurmd");
  token->set_kind(v1::TOKEN_KIND_SINGLE_USE);
  token->set_public_key(SimulatedNode::NewKey().public_key().spki_der());
  token->set_label("rack-1");
  ExpectRetries(*nodes_, &NodeStub::CreateTokens, create);
  v1::RevokeTokensRequest revoke;
  revoke.set_label("rack-1");
  ExpectRetries(*nodes_, &NodeStub::RevokeTokens, revoke);
  v1::ApproveNodeRequest approve;
  approve.set_node("n3");
  approve.set_daemon("slurmd");
  approve.set_key_id(std::string(32, 'a'));
  ExpectRetries(*nodes_, &NodeStub::ApproveNode, approve);
  v1::ForgetNodesRequest forget;
  forget.add_nodes("n1");
  ExpectRetries(*nodes_, &NodeStub::ForgetNodes, forget);
  v1::BlockNodesRequest block;
  block.add_nodes("n1");
  block.set_reason("stolen");
  ExpectRetries(*nodes_, &NodeStub::BlockNodes, block);
  v1::UnblockNodesRequest unblock;
  unblock.add_nodes("n1");
  ExpectRetries(*nodes_, &NodeStub::UnblockNodes, unblock);
}

TEST_F(EdgeFailingStoreTest, EveryStepOfARotationIsWorthTryingAgain) {
  using CaStub = v1::CertAuthority::Stub;
  v1::PrepareAuthorityRequest prepare;
  prepare.set_dry_run(true);
  ExpectRetries(*ca_, &CaStub::PrepareAuthority, prepare);
  prepare.set_dry_run(false);
  v1::PrepareAuthorityResponse prepared;
  ASSERT_TRUE(ca_->PrepareAuthority(Soon().get(), prepare, &prepared).ok());
  const std::string former = Must(world_.authorities->Active(store::Purpose::kSlurm))->id;
  const std::string next = prepared.authority().id();
  ExpectRetries(*ca_, &CaStub::GetRotationStatus, v1::GetRotationStatusRequest());
  v1::AcknowledgeHostsRequest acknowledge;
  acknowledge.set_authority_id(next);
  acknowledge.add_hosts("n1");
  acknowledge.set_reason("seen");
  ExpectRetries(*ca_, &CaStub::AcknowledgeHosts, acknowledge);
  v1::ReportHostRequest report;
  report.mutable_report()->set_host("head1");
  report.mutable_report()->set_program("slurmctld");
  ExpectRetries(*ca_, &CaStub::ReportHost, report);
  v1::IssueProbeCertificateRequest probe;
  probe.set_authority_id(next);
  probe.set_csr_pem(Csr("signet-probe"));
  ExpectRetries(*ca_, &CaStub::IssueProbeCertificate, probe);
  v1::RecordProbesRequest record;
  record.set_authority_id(next);
  v1::ProbeResult* result = record.add_results();
  result->set_host("head1");
  result->set_program("slurmctld");
  result->set_trusted(true);
  ExpectRetries(*ca_, &CaStub::RecordProbes, record);
  v1::RecoverBundleRequest recover;
  recover.set_at_least(100);
  recover.set_force(true);
  ExpectRetries(*ca_, &CaStub::RecoverBundle, recover);
  v1::ChangeAuthorityRequest change;
  change.set_authority_id(next);
  change.set_verb(v1::ROTATION_VERB_ACTIVATE);
  change.set_force_reason("a rehearsal");
  ExpectRetries(*ca_, &CaStub::ChangeAuthority, change);
  change.set_authority_id(former);
  change.set_verb(v1::ROTATION_VERB_REVOKE);
  ExpectRetries(*ca_, &CaStub::ChangeAuthority, change);
  change.set_verb(v1::ROTATION_VERB_DESTROY);
  ExpectRetries(*ca_, &CaStub::ChangeAuthority, change);
  v1::RevokeCertificatesRequest revoke;
  revoke.add_nodes("n1");
  revoke.set_comment("sold");
  ExpectRetries(*ca_, &CaStub::RevokeCertificates, revoke);
  revoke.clear_nodes();
  revoke.set_authority_id(former);
  ExpectRetries(*ca_, &CaStub::RevokeCertificates, revoke);
  v1::ReplaceStolenAuthorityRequest stolen;
  stolen.set_authority_id(next);
  stolen.set_confirm_subject(prepared.authority().subject());
  stolen.set_reason("stolen");
  ExpectRetries(*ca_, &CaStub::ReplaceStolenAuthority, stolen);
}

TEST_F(EdgeFailingStoreTest, ANodesRequestIsWorthSendingAgain) {
  const NodeRequest renewal = n1_.Ask();
  ExpectRetries("SignCertificate", [&] { return Sign(Controller(), renewal); });
  // Sent once more, it is the stored answer.
  ExpectRetries("SignCertificate, repeated", [&] { return Sign(Controller(), renewal); });
  const evidence::Token token = world_.MakeToken("n2");
  SimulatedNode n2("n2", world_.clock);
  const NodeRequest first = n2.Ask(&token);
  ExpectRetries("ValidateNode", [&] {
    v1::ValidateNodeRequest request;
    request.set_node("n2");
    request.set_token(first.script_token);
    v1::ValidateNodeResponse response;
    return Nodes(Controller())->ValidateNode(Soon().get(), request, &response);
  });
  ExpectRetries("SignCertificate, first", [&] { return Sign(Controller(), first); });
}

TEST_F(EdgeFailingStoreTest, AnImportedAnchorHasNoKeyHereWhateverBecomesOfIt) {
  v1::ImportAuthorityRequest import;
  import.set_certificate_pem(ForeignRoot());
  v1::ImportAuthorityResponse imported;
  ASSERT_TRUE(ca_->ImportAuthority(Soon().get(), import, &imported).ok());
  EXPECT_FALSE(imported.authority().has_key());
  v1::GetRevocationListRequest list;
  list.set_authority_id(imported.authority().id());
  v1::GetRevocationListResponse listed;
  EXPECT_EQ(ca_->GetRevocationList(Soon().get(), list, &listed).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::ChangeAuthorityRequest change;
  change.set_authority_id(imported.authority().id());
  change.set_verb(v1::ROTATION_VERB_REVOKE);
  change.set_force_reason("a rehearsal");
  v1::ChangeAuthorityResponse changed;
  ASSERT_TRUE(ca_->ChangeAuthority(Soon().get(), change, &changed).ok());
  EXPECT_EQ(changed.authority().state(), v1::AUTHORITY_STATE_REVOKED);
  EXPECT_FALSE(changed.authority().has_key());
}

TEST_F(EdgeFailingStoreTest, ABundleThatDoesNotParseIsToldToNobody) {
  Must(world_.store->Write([](store::Tables& tables) -> absl::Status {
    auto row = tables.bundles().Newest();
    if (!row.ok()) return row.status();
    row->generation += 1;
    row->signed_bundle = "\xff";
    return tables.bundles().Insert(*row);
  }));
  v1::GetTrustBundleResponse response;
  const grpc::Status status = ca_->GetTrustBundle(Soon().get(), {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), ::testing::Not(::testing::HasSubstr("parse")));
}

TEST_F(EdgeFailingStoreTest, AStatusCountsNodesAndServices) {
  v1::GetStatusResponse status;
  ASSERT_TRUE(ca_->GetStatus(Soon().get(), {}, &status).ok());
  EXPECT_EQ(status.nodes_enrolled(), 1);
  EXPECT_EQ(status.first_lost_node(), "n1");
  ASSERT_EQ(status.services_size(), 1);
  EXPECT_EQ(status.services(0).service(), "slurmctld");
}

TEST_F(EdgeFailingStoreTest, NodesAreListedPageByPage) {
  const evidence::Token token = world_.MakeToken("n2");
  SimulatedNode n2("n2", world_.clock);
  ASSERT_TRUE(Sign(Controller(), n2.Ask(&token)).ok());
  v1::ListNodesRequest request;
  request.set_page_size(1);
  std::string names;
  do {
    v1::ListNodesResponse page;
    ASSERT_TRUE(nodes_->ListNodes(Soon().get(), request, &page).ok());
    for (const v1::Node& node : page.nodes()) names += node.name() + " ";
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names, "n1 n2 ");
  request.set_page_token("nonsense");
  v1::ListNodesResponse page;
  EXPECT_EQ(ReasonOf(nodes_->ListNodes(Soon().get(), request, &page)), base::kMalformed);
}

}  // namespace
}  // namespace signet::rpc
