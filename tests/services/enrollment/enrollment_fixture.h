// The server side and one node, for the tests of this folder.
#ifndef SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "services/base/reason.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::enrollment {

class EnrollmentTest : public ::testing::Test {
 protected:
  absl::StatusOr<Signed> Sign(const testing::NodeRequest& request) {
    return world_.node_certificates->Sign(request.csr_pem, world_.origin);
  }
  // The reason of the refusal; "" when a certificate came, which is also checked against the request.
  std::string Refused(const testing::NodeRequest& request) {
    const auto signed_certificate = Sign(request);
    if (!signed_certificate.ok()) return base::ReasonOf(signed_certificate.status());
    const auto leaf = testing::Must(x509::Certificate::FromPem(signed_certificate->issued.chain_pem));
    EXPECT_EQ(leaf.common_name(), request.statement.node);
    EXPECT_EQ(leaf.public_key(), request.tls_key.public_key());
    return "";
  }
  // A statement that `change` has altered before it was signed.
  testing::NodeRequest Altered(const std::function<void(evidence::Statement&)>& change,
                               const evidence::Token* token = nullptr, const std::string& common_name = "n1") {
    const keys::PrivateKey tls_key = testing::SimulatedNode::NewKey();
    evidence::Statement statement = node_.Next(tls_key);
    change(statement);
    return node_.Request(statement, tls_key, token, common_name);
  }
  void Enrol(evidence::TokenKind kind = evidence::TokenKind::kSingleUse) {
    const evidence::Token token = world_.MakeToken(node_.name(), kind);
    ASSERT_EQ(Refused(node_.Ask(&token)), "");
    world_.clock.Advance(absl::Seconds(1));
  }
  void Block(const std::string& name) {
    const auto block = [&](store::Tables& tables) -> absl::Status {
      auto row = tables.nodes().Find(name, "slurmd");
      if (!row.ok()) return row.status();
      row->blocked = true;
      return tables.nodes().Put(*row);
    };
    testing::Must(world_.store->Write(block));
  }

  testing::World world_;
  testing::SimulatedNode node_{"n1", world_.clock};
};

}  // namespace signet::enrollment

#endif  // SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_
