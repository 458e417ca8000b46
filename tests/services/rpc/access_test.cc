#include "services/rpc/access.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace signet::rpc {
namespace {

using Methods = std::set<std::string>;

const Methods& Everything() {
  static const Methods kAll = {"CertAuthority.SignCertificate",
                               "CertAuthority.GetTrustBundle",
                               "CertAuthority.IssueServiceCertificate",
                               "CertAuthority.IssueClientCertificate",
                               "CertAuthority.ListProvisioners",
                               "CertAuthority.ImportAuthority",
                               "CertAuthority.CreateSubordinate",
                               "CertAuthority.RenewClientCertificate",
                               "CertAuthority.PrepareAuthority",
                               "CertAuthority.ChangeAuthority",
                               "CertAuthority.ReplaceStolenAuthority",
                               "CertAuthority.GetRotationStatus",
                               "CertAuthority.AcknowledgeHosts",
                               "CertAuthority.ReportHost",
                               "CertAuthority.IssueProbeCertificate",
                               "CertAuthority.RecordProbes",
                               "CertAuthority.RecoverBundle",
                               "CertAuthority.RevokeCertificates",
                               "CertAuthority.GetRevocationList",
                               "CertAuthority.ListCertificates",
                               "CertAuthority.GetCertificate",
                               "CertAuthority.ListAuthorities",
                               "CertAuthority.GetStatus",
                               "CertAuthority.ListAuditRecords",
                               "CertAuthority.VerifyAudit",
                               "NodeEnrollment.ValidateNode",
                               "NodeEnrollment.CreateTokens",
                               "NodeEnrollment.ListTokens",
                               "NodeEnrollment.GetToken",
                               "NodeEnrollment.RevokeTokens",
                               "NodeEnrollment.ListNodes",
                               "NodeEnrollment.GetNode",
                               "NodeEnrollment.ExplainNode",
                               "NodeEnrollment.BlockNodes",
                               "NodeEnrollment.UnblockNodes",
                               "NodeEnrollment.ForgetNodes",
                               "NodeEnrollment.ApproveNode"};
  return kAll;
}

Methods AllowedTo(v1::Role role) {
  const AccessTable table;
  Methods allowed;
  for (const auto& [method, roles] : table.rows()) {
    if (table.Allows(method, role)) allowed.insert(method.substr(sizeof("signet.v1.") - 1));
  }
  return allowed;
}

TEST(AccessTable, KnowsEveryMethodOfBothServices) {
  EXPECT_EQ(AllowedTo(v1::ROLE_ADMIN), Everything());
  EXPECT_EQ(AccessTable().rows().size(), Everything().size());
}

TEST(AccessTable, GivesEachRoleExactlyItsMethods) {
  const Methods anyone = {"CertAuthority.GetTrustBundle", "CertAuthority.GetRevocationList"};
  const auto and_anyone = [&anyone](Methods methods) {
    methods.insert(anyone.begin(), anyone.end());
    return methods;
  };
  const std::vector<std::pair<v1::Role, Methods>> rows = {
      {v1::ROLE_PUBLIC, anyone},
      {v1::ROLE_OBSERVER, and_anyone({"CertAuthority.ReportHost", "CertAuthority.RenewClientCertificate"})},
      {v1::ROLE_SERVICE, and_anyone({"CertAuthority.ReportHost", "CertAuthority.RenewClientCertificate",
                                     "CertAuthority.IssueServiceCertificate"})},
      {v1::ROLE_TESTER, and_anyone({"CertAuthority.IssueProbeCertificate"})},
      {v1::ROLE_PROVISIONER, and_anyone({"CertAuthority.RenewClientCertificate", "NodeEnrollment.CreateTokens"})},
      {v1::ROLE_CONTROLLER, and_anyone({"CertAuthority.ReportHost", "CertAuthority.RenewClientCertificate",
                                        "CertAuthority.SignCertificate", "NodeEnrollment.ValidateNode"})},
      {v1::ROLE_AUDITOR,
       and_anyone({"CertAuthority.RenewClientCertificate", "CertAuthority.GetRotationStatus",
                   "CertAuthority.ListCertificates", "CertAuthority.GetCertificate", "CertAuthority.ListAuthorities",
                   "CertAuthority.GetStatus", "CertAuthority.ListAuditRecords", "CertAuthority.VerifyAudit",
                   "CertAuthority.ListProvisioners", "NodeEnrollment.ListTokens", "NodeEnrollment.GetToken",
                   "NodeEnrollment.ListNodes", "NodeEnrollment.GetNode", "NodeEnrollment.ExplainNode"})},
  };
  for (const auto& [role, methods] : rows) EXPECT_EQ(AllowedTo(role), methods) << v1::Role_Name(role);
}

TEST(AccessTable, DeniesAnUnsetRoleEverything) {
  EXPECT_EQ(AllowedTo(v1::ROLE_UNSPECIFIED), Methods{});
  EXPECT_EQ(AllowedTo(static_cast<v1::Role>(99)), Methods{});
  EXPECT_EQ(AllowedTo(static_cast<v1::Role>(-1)), Methods{});
}

TEST(AccessTable, DeniesAnUnknownMethodToEverybody) {
  const AccessTable table;
  for (const char* method : {"", "signet.v1.CertAuthority", "signet.v1.CertAuthority.signcertificate",
                             "signet.v1.CertAuthority.Destroy", "grpc.health.v1.Health.Check"}) {
    EXPECT_FALSE(table.Allows(method, v1::ROLE_ADMIN)) << method;
    EXPECT_FALSE(table.Allows(method, v1::ROLE_PUBLIC)) << method;
  }
}

}  // namespace
}  // namespace signet::rpc
