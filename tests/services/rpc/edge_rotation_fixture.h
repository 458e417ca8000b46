// An administrator who rotates authorities over the wire.
#ifndef SIGNET_TESTS_SERVICES_RPC_EDGE_ROTATION_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_RPC_EDGE_ROTATION_FIXTURE_H_

#include <memory>
#include <string>

#include "signet/v1/bundle.pb.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {

class EdgeRotationTest : public EdgeTest {
 protected:
  grpc::Status Prepare(const v1::PrepareAuthorityRequest& request, v1::PrepareAuthorityResponse* response) {
    return ca_->PrepareAuthority(Soon().get(), request, response);
  }
  v1::Authority Prepared() {
    v1::PrepareAuthorityResponse response;
    const grpc::Status status = Prepare({}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.authority();
  }
  grpc::Status Change(const std::string& id, v1::RotationVerb verb, v1::ChangeAuthorityResponse* response,
                      const std::string& force_reason = "", bool dry_run = false) {
    v1::ChangeAuthorityRequest request;
    request.set_authority_id(id);
    request.set_verb(verb);
    request.set_force_reason(force_reason);
    request.set_dry_run(dry_run);
    return ca_->ChangeAuthority(Soon().get(), request, response);
  }
  v1::GetRotationStatusResponse Standing() {
    v1::GetRotationStatusResponse response;
    const grpc::Status status = ca_->GetRotationStatus(Soon().get(), {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  uint64_t Generation() {
    v1::GetTrustBundleResponse response;
    EXPECT_TRUE(ca_->GetTrustBundle(Soon().get(), {}, &response).ok());
    v1::Bundle bundle;
    EXPECT_TRUE(bundle.ParseFromString(response.signed_bundle().bundle()));
    return bundle.generation();
  }
  void Enrol(const std::string& name) {
    const evidence::Token token = world_.MakeToken(name);
    testing::SimulatedNode node(name, world_.clock);
    const grpc::Status status = Sign(Controller(), node.Ask(&token));
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  std::string ActiveId() { return testing::Must(world_.authorities->Active(store::Purpose::kSlurm))->id; }

  std::unique_ptr<v1::CertAuthority::Stub> ca_ = Ca(Admin());
};

}  // namespace signet::rpc

#endif  // SIGNET_TESTS_SERVICES_RPC_EDGE_ROTATION_FIXTURE_H_
