// The server side, with nodes that hold certificates.
#ifndef SIGNET_TESTS_SERVICES_REVOCATION_REVOCATION_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_REVOCATION_REVOCATION_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/base/reason.h"
#include "services/keys/request_signing.h"
#include "services/revocation/revocation.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::revocation {

class RevocationTest : public ::testing::Test {
 protected:
  // The reason of the refusal; "" when a certificate came.
  std::string Refused(const testing::NodeRequest& request) {
    return base::ReasonOf(world_.node_certificates->Sign(request.csr_pem, world_.origin).status());
  }
  absl::Status Ask(testing::SimulatedNode& node, const evidence::Token* token = nullptr) {
    return world_.node_certificates->Sign(node.Ask(token).csr_pem, world_.origin).status();
  }
  // A second passes.
  void Enrol(testing::SimulatedNode& node, const std::string& daemon = "slurmd") {
    const evidence::Token token = world_.MakeToken(node.name(), evidence::TokenKind::kSingleUse, daemon);
    testing::Must(Ask(node, &token));
    Tick();
  }
  void Tick(absl::Duration by = absl::Seconds(1)) { world_.clock.Advance(by); }
  // Of the newest certificate.
  std::string Serial(const std::string& node) { return world_.Node(node).serial; }
  store::CertificateRow Row(const std::string& serial) {
    return testing::Must(world_.Read([&](const store::Tables& tables) { return tables.certificates().Find(serial); }));
  }
  store::IdentityRow Identity(const testing::SimulatedNode& node) {
    return testing::Must(
        world_.Read([&](const store::Tables& tables) { return tables.nodes().FindIdentity(node.key_id()); }));
  }
  // The serial of a new certificate for one of Slurm's services.
  std::string IssueService(const std::string& service) {
    const std::string csr = testing::Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), service, ""));
    return testing::Must(world_.named->IssueService(service, csr, world_.origin)).serial;
  }
  std::string IssueClient(const std::string& name) {
    const std::string csr = testing::Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), name, ""));
    return testing::Must(world_.named->IssueClient("admin", name, "", csr, world_.origin)).serial;
  }
  // A service's client certificate, with which it renews the other.
  std::string IssueControlOf(const std::string& service) {
    const std::string csr = testing::Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), service, ""));
    return testing::Must(world_.named->IssueClient("service", service, "", csr, world_.origin)).serial;
  }
  std::string Renew(const std::string& role, const std::string& name, const std::string& shown) {
    const std::string csr = testing::Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), name, ""));
    const audit::Origin origin{"tls:signet://alpha/" + role + "/" + name, "0123456789abcdef", role, name, shown};
    return testing::Must(world_.named->RenewClient(csr, origin)).serial;
  }

  static Request BySerial(std::vector<std::string> serials) {
    Request request;
    request.serials = std::move(serials);
    request.comment = "stolen from the rack";
    request.reason = store::RevocationReason::kKeyCompromise;
    return request;
  }
  static Request ByNode(std::vector<std::string> nodes) {
    Request request = BySerial({});
    request.nodes = std::move(nodes);
    return request;
  }
  static Request ByAuthority(const std::string& id) {
    Request request = BySerial({});
    request.authority_id = id;
    return request;
  }
  absl::StatusOr<Revoked> Revoke(const Request& request) { return world_.revocation->Revoke(request, world_.origin); }

  std::string SlurmId() { return testing::Must(world_.authorities->Active(store::Purpose::kSlurm))->id; }
  // As a rotation leaves the authority that was active.
  void SetState(const std::string& id, store::AuthorityState state) {
    testing::Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
      for (store::AuthorityRow row : rows) {
        if (row.id != id) continue;
        row.state = state;
        return tables.authorities().Update(row);
      }
      return absl::NotFoundError(id);
    }));
    testing::Must(world_.authorities->Reload());
  }

  testing::World world_;
  testing::SimulatedNode n1_{"n1", world_.clock};
  testing::SimulatedNode n2_{"n2", world_.clock};
};

}  // namespace signet::revocation

#endif  // SIGNET_TESTS_SERVICES_REVOCATION_REVOCATION_FIXTURE_H_
