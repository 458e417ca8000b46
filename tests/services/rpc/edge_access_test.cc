// Who may call what, over the wire, for every method that proto/ knows.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "grpc/grpc_security.h"
#include "services/base/status_macros.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

using EdgeAccessTest = EdgeTest;

TEST_F(EdgeAccessTest, EveryMethodMeetsEveryRoleOnEveryListener) {
  struct Row {
    std::string who;
    Channel channel;
    v1::Role role;
  };
  const std::vector<Row> rows = {
      {"admin socket", Admin(), v1::ROLE_ADMIN},
      {"controller socket", Controller(), v1::ROLE_CONTROLLER},
      {"network without a certificate", Network(), v1::ROLE_PUBLIC},
      {"network controller", Network("controller", "head1"), v1::ROLE_CONTROLLER},
      {"network observer", Network("observer", "login1"), v1::ROLE_OBSERVER},
      {"network service", Network("service", "slurmdbd"), v1::ROLE_SERVICE},
      {"network provisioner", Network("provisioner", "warewulf", "n[1-9]"), v1::ROLE_PROVISIONER},
      {"network auditor", Network("auditor", "jane"), v1::ROLE_AUDITOR},
      {"network admin", Network("admin", "root"), v1::ROLE_ADMIN},
  };
  ASSERT_GE(access_.rows().size(), 36u);
  for (const auto& [method, roles] : access_.rows()) {
    const std::string name(absl::StripPrefix(method, "signet.v1."));
    std::string path = absl::StrCat("/", method);
    path[path.rfind('.')] = '/';
    for (const Row& row : rows) {
      std::string answer;
      const grpc::Status status = CallRaw(row.channel, path, &answer);
      if (access_.Allows(method, row.role)) {
        EXPECT_NE(ReasonOf(status), base::kAccessDenied) << row.who << " " << name;
        EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << row.who << " " << name;
      } else {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << row.who << " " << name;
        EXPECT_EQ(ReasonOf(status), base::kAccessDenied) << row.who << " " << name;
        // A handler that asks the table about another method would say so here.
        EXPECT_THAT(status.error_message(), HasSubstr(absl::StrCat("may not call ", name))) << row.who;
        EXPECT_EQ(answer, "");
      }
    }
  }
}

TEST_F(EdgeAccessTest, WhatIsNoMethodIsForNobody) {
  std::string answer;
  for (const char* path : {"/signet.v1.CertAuthority/Destroy", "/signet.v1.NodeEnrollment/", "/", "/x/y"}) {
    EXPECT_EQ(CallRaw(Admin(), path, &answer).error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
  }
}

TEST_F(EdgeAccessTest, AProvisionerMakesBootTokensOfItsNodesAndNothingElse) {
  const Channel warewulf = Network("provisioner", "warewulf", "n[1-9]");
  EXPECT_TRUE(CreateToken(warewulf, "n9", v1::TOKEN_KIND_BOOT).ok());
  const grpc::Status beyond = CreateToken(warewulf, "n10", v1::TOKEN_KIND_BOOT);
  EXPECT_EQ(ReasonOf(beyond), base::kNotYourNode);
  EXPECT_THAT(beyond.error_message(), HasSubstr("n10"));
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].action(), "token.create");
  EXPECT_EQ(refusals[0].actor(), "tls:signet://alpha/provisioner/warewulf");
  EXPECT_EQ(refusals[0].reason(), base::kNotYourNode);
  EXPECT_EQ(ReasonOf(CreateToken(warewulf, "n9", v1::TOKEN_KIND_REUSABLE)), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(CreateToken(warewulf, "n9", v1::TOKEN_KIND_SINGLE_USE)), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(CreateToken(warewulf, "n9", v1::TOKEN_KIND_LAB)), base::kAccessDenied);

  v1::ListProvisionersResponse listed;
  ASSERT_TRUE(Ca(Network("auditor", "jane"))->ListProvisioners(Soon().get(), {}, &listed).ok());
  ASSERT_EQ(listed.provisioners_size(), 1);
  EXPECT_EQ(listed.provisioners(0).name(), "warewulf");
  EXPECT_EQ(listed.provisioners(0).nodes(), "n[1-9]");
}

TEST_F(EdgeAccessTest, AProvisionersOldCertificateFollowsItsNewestNodes) {
  const Channel old_certificate = Network("provisioner", "warewulf", "n[1-9]");
  EXPECT_TRUE(CreateToken(old_certificate, "n9", v1::TOKEN_KIND_BOOT).ok());
  const Channel new_certificate = Network("provisioner", "warewulf", "n[1-8]");
  EXPECT_EQ(ReasonOf(CreateToken(old_certificate, "n9", v1::TOKEN_KIND_BOOT)), base::kNotYourNode);
  EXPECT_TRUE(CreateToken(new_certificate, "n8", v1::TOKEN_KIND_BOOT).ok());
}

// A resumed session shows the certificate of the first handshake, and no handshake verifies it again.
TEST_F(EdgeAccessTest, ATlsSessionResumedAfterItsAuthorityWasRevokedHasNoRole) {
  const std::unique_ptr<grpc_ssl_session_cache, void (*)(grpc_ssl_session_cache*)> sessions(
      grpc_ssl_session_cache_create_lru(8), grpc_ssl_session_cache_destroy);
  const keys::PrivateKey key = testing::SimulatedNode::NewKey();
  const auto issued = testing::Must(world_.named->IssueClient(
      "admin", "jane", "", testing::Must(keys::SignRequestPem(key, "jane", "")), world_.origin));
  const auto list_nodes = [](const Channel& channel, grpc::ClientContext* context) {
    v1::ListNodesResponse response;
    return Nodes(channel)->ListNodes(context, {}, &response);
  };
  const auto resuming = [&] {
    grpc::ChannelArguments arguments;
    const grpc_arg cache = grpc_ssl_session_cache_create_channel_arg(sessions.get());
    arguments.SetPointerWithVtable(cache.key, cache.value.pointer.p, cache.value.pointer.vtable);
    return NetworkWith(PemOf(key), issued.chain_pem, std::move(arguments));
  };
  Channel connected;
  std::string reused;
  for (int i = 0; i < 2; ++i) {
    connected = resuming();
    const auto context = Soon();
    ASSERT_TRUE(list_nodes(connected, context.get()).ok());
    const auto property = context->auth_context()->FindPropertyValues("ssl_session_reused");
    reused = property.empty() ? "" : std::string(property[0].data(), property[0].size());
  }
  EXPECT_EQ(reused, "true");
  const Channel unconnected = resuming();

  testing::Must(world_.store->Write([](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(std::vector<store::AuthorityRow> rows, tables.authorities().List());
    for (store::AuthorityRow& row : rows) {
      if (row.purpose != store::Purpose::kControl) continue;
      row.state = store::AuthorityState::kRevoked;
      SIGNET_RETURN_IF_ERROR(tables.authorities().Update(row));
    }
    return absl::OkStatus();
  }));
  testing::Must(world_.authorities->Reload());
  for (const Channel& channel : {connected, unconnected}) {
    const auto context = Soon();
    const grpc::Status status = list_nodes(channel, context.get());
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << status.error_message();
  }
}

}  // namespace
}  // namespace signet::rpc
