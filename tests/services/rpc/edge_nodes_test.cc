// The life of nodes and tokens, as an administrator's client sees it.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "services/policy/profile.h"
#include "services/x509/certificate_template.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EdgeNodesTest : public EdgeTest {
 protected:
  grpc::Status Block(const std::string& node, const std::string& reason, v1::BlockNodesResponse* response) {
    v1::BlockNodesRequest request;
    request.add_nodes(node);
    request.set_reason(reason);
    return Nodes(Admin())->BlockNodes(Soon().get(), request, response);
  }
  grpc::Status Unblock(const std::string& node, v1::UnblockNodesResponse* response) {
    v1::UnblockNodesRequest request;
    request.add_nodes(node);
    return Nodes(Admin())->UnblockNodes(Soon().get(), request, response);
  }
  std::vector<v1::Token> List(const std::function<void(v1::ListTokensRequest&)>& change) {
    v1::ListTokensRequest request;
    request.set_all(true);
    change(request);
    v1::ListTokensResponse response;
    EXPECT_TRUE(Nodes(Admin())->ListTokens(Soon().get(), request, &response).ok());
    return {response.tokens().begin(), response.tokens().end()};
  }
  static std::string ForeignRoot() {
    const keys::PrivateKey key = SimulatedNode::NewKey();
    const auto algorithm = keys::DefaultAlgorithm(key.public_key());
    const std::string tbs =
        Must(x509::EncodeTbs(Must(policy::RootTemplate("CN=Lab CA", absl::Hours(24 * 365), key.public_key(),
                                                       std::string(20, '\x12'), absl::Now())),
                             algorithm));
    return Must(x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, Must(key.Sign(algorithm, tbs)))))
        .pem();
  }
};

TEST_F(EdgeNodesTest, ABlockedNodeIsRefusedUntilItEnrolsWithANewerToken) {
  const evidence::Token token = world_.MakeToken("n1");
  SimulatedNode n1("n1", world_.clock);
  ASSERT_TRUE(Sign(Controller(), n1.Ask(&token)).ok());
  v1::BlockNodesResponse blocked;
  ASSERT_TRUE(Block("n1", "stolen", &blocked).ok());
  EXPECT_EQ(blocked.blocked(), 1);
  EXPECT_EQ(blocked.identities_ended(), 1);
  ASSERT_TRUE(Block("n1", "stolen", &blocked).ok());
  EXPECT_EQ(blocked.blocked(), 0);

  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(Sign(Controller(), n1.Ask())), base::kIdentityEnded);
  EXPECT_EQ(ReasonOf(CreateToken(Admin(), "n1", v1::TOKEN_KIND_SINGLE_USE)), base::kNodeBlocked);
  const v1::ExplainNodeResponse why = Explain("n1");
  EXPECT_EQ(why.block().reason(), "stolen");
  EXPECT_EQ(why.block().blocked_by(), "socket:admin");
  ASSERT_EQ(why.nodes_size(), 1);
  EXPECT_TRUE(why.nodes(0).blocked());
  ASSERT_EQ(why.refusals_size(), 1);
  EXPECT_EQ(why.refusals(0).reason(), base::kIdentityEnded);
  EXPECT_EQ(why.refusals(0).key_id(), n1.key_id());
  EXPECT_TRUE(why.refusals(0).proven());
  ASSERT_EQ(why.findings_size(), 1);
  EXPECT_EQ(why.findings(0).code(), base::kNodeBlocked);
  EXPECT_EQ(why.findings(0).severity(), v1::SEVERITY_ERROR);
  EXPECT_EQ(why.findings(0).next(), "signetctl node unblock n1");

  v1::UnblockNodesResponse unblocked;
  ASSERT_TRUE(Unblock("n1", &unblocked).ok());
  EXPECT_EQ(unblocked.unblocked(), 1);
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(Sign(Controller(), n1.Ask())), base::kIdentityEnded);
  const evidence::Token newer = world_.MakeToken("n1");
  n1.ForgetEverything();
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(Sign(Controller(), n1.Ask(&newer)).ok());
}

TEST_F(EdgeNodesTest, ARefusalIsOnceInTheAuditAndOnceInTheExplanation) {
  SimulatedNode n1("n1", world_.clock);
  const auto request = n1.Ask();
  const grpc::Status refused = Sign(Controller(), request);
  EXPECT_EQ(ReasonOf(refused), base::kIdentityUnknown);
  v1::ValidateNodeRequest validate;
  validate.set_node("n1");
  validate.set_token(request.script_token);
  v1::ValidateNodeResponse nothing;
  EXPECT_EQ(ReasonOf(Nodes(Controller())->ValidateNode(Soon().get(), validate, &nothing)), base::kIdentityUnknown);
  const auto audited = Refusals();
  const v1::ExplainNodeResponse why = Explain("n1");
  ASSERT_THAT(audited, SizeIs(2));
  ASSERT_EQ(why.refusals_size(), 2);
  EXPECT_EQ(why.refusals(1).request_id(), InfoOf(refused).metadata().at("request_id"));
  EXPECT_EQ(why.refusals(1).request_id(), audited[0].request_id());
  EXPECT_EQ(why.refusals(1).action(), "certificate.sign");
  EXPECT_EQ(why.refusals(0).action(), "node.validate");
  EXPECT_EQ(why.refusals(0).key_id(), n1.key_id());
  EXPECT_FALSE(why.refusals(0).proven());
}

TEST_F(EdgeNodesTest, ForgettingTakesANodeOutOfTheLedger) {
  const evidence::Token token = world_.MakeToken("n1");
  SimulatedNode n1("n1", world_.clock);
  ASSERT_TRUE(Sign(Controller(), n1.Ask(&token)).ok());
  v1::ForgetNodesRequest request;
  request.add_nodes("n1");
  v1::ForgetNodesResponse response;
  ASSERT_TRUE(Nodes(Admin())->ForgetNodes(Soon().get(), request, &response).ok());
  EXPECT_EQ(response.forgotten(), 1);
  EXPECT_EQ(response.identities_ended(), 1);
  v1::GetNodeRequest get;
  get.set_name("n1");
  v1::GetNodeResponse node;
  EXPECT_EQ(Nodes(Admin())->GetNode(Soon().get(), get, &node).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Explain("n1").findings(0).code(), base::kIdentityEnded);
}

TEST_F(EdgeNodesTest, AnApprovedKeyEnrolsWithoutAToken) {
  SimulatedNode n1("n1", world_.clock);
  v1::ApproveNodeRequest request;
  request.set_node("n1");
  request.set_daemon("slurmd");
  request.set_key_id(absl::AsciiStrToUpper(n1.key_id()));
  v1::ApproveNodeResponse response;
  ASSERT_TRUE(Nodes(Admin())->ApproveNode(Soon().get(), request, &response).ok());
  EXPECT_EQ(response.approval().key_id(), n1.key_id());
  EXPECT_EQ(response.approval().approved_by(), "socket:admin");
  EXPECT_EQ(response.approval().expires_at().seconds() - response.approval().approved_at().seconds(), 24 * 3600);
  EXPECT_EQ(Explain("n1").approvals_size(), 1);
  EXPECT_TRUE(Sign(Controller(), n1.Ask()).ok());
  const v1::ExplainNodeResponse why = Explain("n1");
  EXPECT_EQ(why.approvals_size(), 0);
  EXPECT_EQ(why.nodes(0).evidence(), v1::EVIDENCE_APPROVAL);
}

TEST_F(EdgeNodesTest, ATokensHistorySaysWhoUsedItWhen) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kReusable);
  SimulatedNode n1("n1", world_.clock);
  const std::string first = n1.key_id();
  ASSERT_TRUE(Sign(Controller(), n1.Ask(&token)).ok());
  n1.ForgetEverything();
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_TRUE(Sign(Controller(), n1.Ask(&token)).ok());
  v1::GetTokenRequest request;
  request.set_id(token.id());
  v1::GetTokenResponse response;
  ASSERT_TRUE(Nodes(Admin())->GetToken(Soon().get(), request, &response).ok());
  EXPECT_EQ(response.token().uses(), 2);
  ASSERT_EQ(response.uses_size(), 2);
  EXPECT_EQ(response.uses(0).key_id(), first);
  EXPECT_TRUE(response.uses(0).has_ended_at());
  EXPECT_EQ(response.uses(1).key_id(), n1.key_id());
  EXPECT_FALSE(response.uses(1).has_ended_at());
  request.set_id(std::string(32, '0'));
  EXPECT_EQ(Nodes(Admin())->GetToken(Soon().get(), request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(EdgeNodesTest, TokensAreListedAndRevokedByWhatTheyAre) {
  v1::CreateTokensRequest request;
  for (const char* node : {"n1", "n2", "n3"}) {
    v1::NewToken* token = request.add_tokens();
    token->set_node(node);
    token->set_daemon("slurmd");
    token->set_kind(v1::TOKEN_KIND_SINGLE_USE);
    token->set_public_key(SimulatedNode::NewKey().public_key().spki_der());
    token->set_label(node == std::string("n3") ? "rack8" : "rack7");
  }
  v1::CreateTokensResponse created;
  ASSERT_TRUE(Nodes(Admin())->CreateTokens(Soon().get(), request, &created).ok());
  world_.MakeToken("n1", TokenKind::kReusable);
  EXPECT_THAT(List([](auto& all) { all.set_label("rack7"); }), SizeIs(2));
  EXPECT_THAT(List([](auto& all) { all.set_kind(v1::TOKEN_KIND_REUSABLE); }), SizeIs(1));
  EXPECT_THAT(List([](auto& all) { all.set_node("n1"); }), SizeIs(2));
  EXPECT_THAT(List([](auto& all) { all.set_label("rack9"); }), IsEmpty());

  v1::RevokeTokensRequest revoke;
  revoke.set_label("rack7");
  v1::RevokeTokensResponse revoked;
  ASSERT_TRUE(Nodes(Admin())->RevokeTokens(Soon().get(), revoke, &revoked).ok());
  EXPECT_EQ(revoked.revoked(), 2);
  EXPECT_THAT(List([](auto& open) { open.set_all(false); }), SizeIs(2));
}

TEST_F(EdgeNodesTest, AForeignRootIsJudgedAndThenImportedIntoTheBundle) {
  v1::ImportAuthorityRequest request;
  request.set_certificate_pem(ForeignRoot());
  request.set_dry_run(true);
  v1::ImportAuthorityResponse judged;
  const grpc::Status dry = Ca(Admin())->ImportAuthority(Soon().get(), request, &judged);
  ASSERT_TRUE(dry.ok()) << dry.error_message();
  EXPECT_EQ(judged.authority().state(), v1::AUTHORITY_STATE_RETIRED);
  EXPECT_EQ(judged.authority().subject(), "CN=Lab CA");
  v1::ListAuthoritiesResponse listed;
  ASSERT_TRUE(Ca(Admin())->ListAuthorities(Soon().get(), {}, &listed).ok());
  const int before = listed.authorities_size();

  request.set_dry_run(false);
  v1::ImportAuthorityResponse imported;
  ASSERT_TRUE(Ca(Admin())->ImportAuthority(Soon().get(), request, &imported).ok());
  EXPECT_EQ(imported.authority().id(), judged.authority().id());
  EXPECT_EQ(imported.authority().certificate_pem(), request.certificate_pem());
  EXPECT_EQ(imported.bundle_generation(), 2u);
  ASSERT_TRUE(Ca(Admin())->ListAuthorities(Soon().get(), {}, &listed).ok());
  EXPECT_EQ(listed.authorities_size(), before + 1);
  v1::ImportAuthorityResponse again;
  ASSERT_TRUE(Ca(Admin())->ImportAuthority(Soon().get(), request, &again).ok());
  EXPECT_EQ(again.bundle_generation(), 2u);
}

TEST_F(EdgeNodesTest, EveryFieldHasABoundThatIsNamed) {
  const auto nodes = Nodes(Admin());
  const auto ca = Ca(Admin());
  const auto refuses = [](const grpc::Status& status, const std::string& what) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << what;
    EXPECT_THAT(status.error_message(), HasSubstr(what));
  };
  const auto block = [&](const std::function<void(v1::BlockNodesRequest&)>& change) {
    v1::BlockNodesRequest request;
    request.add_nodes("n1");
    request.set_reason("x");
    change(request);
    v1::BlockNodesResponse response;
    return nodes->BlockNodes(Soon().get(), request, &response);
  };
  refuses(block([](auto& request) { request.clear_nodes(); }), "nodes has 0 entries; allowed are 1 to 1000");
  refuses(block([](auto& request) {
            for (int i = 0; i < 1000; ++i) request.add_nodes("n1");
          }),
          "nodes has 1001 entries");
  refuses(block([](auto& request) { request.set_nodes(0, std::string(254, 'n')); }), "nodes[0] has 254 bytes");
  refuses(block([](auto& request) { request.clear_reason(); }), "reason is empty");
  refuses(block([](auto& request) { request.set_reason(std::string(201, 'r')); }), "reason has 201 bytes");
  refuses(block([](auto& request) { request.add_nodes("slurmctld"); }), "slurmctld");

  v1::UnblockNodesResponse unblocked;
  refuses(nodes->UnblockNodes(Soon().get(), {}, &unblocked), "nodes has 0 entries");
  v1::ForgetNodesResponse forgotten;
  refuses(nodes->ForgetNodes(Soon().get(), {}, &forgotten), "nodes has 0 entries");

  const auto approve = [&](const std::function<void(v1::ApproveNodeRequest&)>& change) {
    v1::ApproveNodeRequest request;
    request.set_node("n1");
    request.set_daemon("slurmd");
    request.set_key_id(std::string(32, 'a'));
    change(request);
    v1::ApproveNodeResponse response;
    return nodes->ApproveNode(Soon().get(), request, &response);
  };
  refuses(approve([](auto& request) { request.clear_node(); }), "node is empty");
  refuses(approve([](auto& request) { request.clear_daemon(); }), "daemon is empty");
  refuses(approve([](auto& request) { request.set_key_id("00"); }), "key_id is not 32 hexadecimal digits");
  refuses(approve([](auto& request) { request.set_ttl_seconds(-1); }), "ttl_seconds is -1");
  refuses(approve([](auto& request) { request.set_ttl_seconds(30 * 24 * 3600 + 1); }), "allowed are 0 to 2592000");

  v1::GetTokenRequest get_token;
  get_token.set_id("' OR 1=1");
  v1::GetTokenResponse token;
  refuses(nodes->GetToken(Soon().get(), get_token, &token), "id is not 32 hexadecimal digits");

  const auto list = [&](const std::function<void(v1::ListTokensRequest&)>& change) {
    v1::ListTokensRequest request;
    change(request);
    v1::ListTokensResponse response;
    return nodes->ListTokens(Soon().get(), request, &response);
  };
  refuses(list([](auto& request) { request.set_label("a b"); }), "label has 3 bytes");
  refuses(list([](auto& request) { request.set_kind(static_cast<v1::TokenKind>(77)); }), "kind 77 is unknown");
  refuses(list([](auto& request) { request.set_node(std::string(254, 'n')); }), "node has 254 bytes");
  refuses(list([](auto& request) { request.set_page_size(1001); }), "page_size");
  refuses(list([](auto& request) { request.set_page_token("x"); }), "page_token");

  v1::RevokeTokensRequest revoke;
  v1::RevokeTokensResponse revoked;
  refuses(nodes->RevokeTokens(Soon().get(), revoke, &revoked), "or none and a label");
  revoke.set_label(std::string(65, 'a'));
  refuses(nodes->RevokeTokens(Soon().get(), revoke, &revoked), "label has 65 bytes");
  for (int i = 0; i < 1001; ++i) revoke.add_ids("00");
  refuses(nodes->RevokeTokens(Soon().get(), revoke, &revoked), "name 1001 in all");
  revoke.clear_ids();
  revoke.add_nodes("");
  refuses(nodes->RevokeTokens(Soon().get(), revoke, &revoked), "nodes[0] is empty");

  v1::ExplainNodeRequest explain;
  v1::ExplainNodeResponse explained;
  refuses(nodes->ExplainNode(Soon().get(), explain, &explained), "node is empty");
  explain.set_node("n 1");
  refuses(nodes->ExplainNode(Soon().get(), explain, &explained), "node name");

  v1::CreateTokensRequest create;
  v1::CreateTokensResponse created;
  refuses(nodes->CreateTokens(Soon().get(), create, &created), "tokens has 0 entries");

  v1::ImportAuthorityRequest import;
  v1::ImportAuthorityResponse imported;
  refuses(ca->ImportAuthority(Soon().get(), import, &imported), "certificate_pem is empty");
  import.set_certificate_pem(std::string(64 * 1024 + 1, 'x'));
  refuses(ca->ImportAuthority(Soon().get(), import, &imported), "certificate_pem has 65537 bytes");
  import.set_certificate_pem("x");
  EXPECT_EQ(ca->ImportAuthority(Soon().get(), import, &imported).error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  v1::IssueClientCertificateRequest client;
  client.set_role(v1::ROLE_PROVISIONER);
  client.set_name("warewulf");
  client.set_csr_pem("x");
  client.set_nodes(std::string(64 * 1024 + 1, 'n'));
  v1::IssueClientCertificateResponse issued;
  refuses(ca->IssueClientCertificate(Soon().get(), client, &issued), "nodes has 65537 bytes");
}

TEST_F(EdgeNodesTest, ARequestTooLargeToReadIsRefusedAndAuditedWithoutAName) {
  v1::SignCertificateRequest request;
  request.set_csr_pem(std::string(enrollment::kMaxNodeCsrBytes + 1, 'x'));
  v1::SignCertificateResponse response;
  EXPECT_EQ(ReasonOf(Ca(Controller())->SignCertificate(Soon().get(), request, &response)), base::kMalformed);
  v1::ValidateNodeRequest validate;
  validate.set_node("n1");
  validate.set_token(std::string(enrollment::kMaxScriptTokenBytes + 1, 'x'));
  v1::ValidateNodeResponse nothing;
  EXPECT_EQ(ReasonOf(Nodes(Controller())->ValidateNode(Soon().get(), validate, &nothing)), base::kMalformed);
  ASSERT_THAT(Refusals(), SizeIs(2));
  EXPECT_EQ(Refusals()[0].subject(), "");
  EXPECT_EQ(Refusals()[1].subject(), "n1");
}

}  // namespace
}  // namespace signet::rpc
