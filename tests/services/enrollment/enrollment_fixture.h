// The server side and one node, for the tests of this folder.
#ifndef SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "services/base/reason.h"
#include "tests/testing/fake_pod_reviewer.h"
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
  // As Refused, and whether the refusal is marked as that of a requester who proved to be the node.
  std::string RefusedProven(const testing::NodeRequest& request) {
    const absl::Status status = Sign(request).status();
    return base::IsProven(status) ? base::ReasonOf(status) : "not proven: " + status.ToString();
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
  NodeChange Block(const std::string& name) {
    const NodeChange change = testing::Must(world_.node_life->Block({name}, "stolen", world_.origin));
    world_.clock.Advance(absl::Seconds(1));
    return change;
  }
  // The block alone, without all that `node block` ends with it: what a restored part of a ledger could look like.
  void InsertBlock(const std::string& name) {
    testing::Must(world_.store->Write([&](store::Tables& tables) {
      return tables.blocks().Insert({name, "stolen", "socket:admin", world_.clock.Now()});
    }));
  }
  void Unblock(const std::string& name) {
    EXPECT_EQ(testing::Must(world_.node_life->Unblock({name}, world_.origin)).nodes, 1);
    world_.clock.Advance(absl::Seconds(1));
  }
  void Approve(const testing::SimulatedNode& node, const std::string& daemon = "slurmd") {
    testing::Must(world_.node_life->Approve(node.name(), daemon, node.key_id(), absl::ZeroDuration(), world_.origin));
  }
  store::IdentityRow Identity(const std::string& key_id) {
    return testing::Must(world_.Read([&](const store::Tables& tables) { return tables.nodes().FindIdentity(key_id); }));
  }

  testing::World world_;
  testing::SimulatedNode node_{"n1", world_.clock};
};

}  // namespace signet::enrollment

#endif  // SIGNET_TESTS_SERVICES_ENROLLMENT_ENROLLMENT_FIXTURE_H_
