// Who may call what, over the wire, for every method that proto/ knows.
#include <string>
#include <vector>

#include "absl/strings/strip.h"
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

}  // namespace
}  // namespace signet::rpc
