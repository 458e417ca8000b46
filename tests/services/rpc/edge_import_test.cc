// Authorities from elsewhere, over the wire.
#include <string>
#include <vector>

#include "tests/services/rpc/edge_rotation_fixture.h"
#include "tests/testing/offline_root.h"

namespace signet::rpc {
namespace {

using ::signet::testing::MakeRunningCa;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::RsaKey;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class EdgeImportTest : public EdgeRotationTest {
 protected:
  grpc::Status Create(const std::string& subject, v1::CreateSubordinateResponse* response, bool dry_run = false) {
    v1::CreateSubordinateRequest request;
    request.set_subject(subject);
    request.set_dry_run(dry_run);
    return ca_->CreateSubordinate(Soon().get(), request, response);
  }
  v1::AuthorityRequest Created(const std::string& subject = "CN=Issuing CA,O=Example") {
    v1::CreateSubordinateResponse response;
    const grpc::Status status = Create(subject, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.request();
  }
  std::string ChainFor(const v1::AuthorityRequest& request) {
    const auto rows =
        Must(world_.Read([](const store::Tables& tables) { return tables.authorities().ListRequests(); }));
    for (const store::AuthorityRequestRow& row : rows) {
      if (row.id != request.id()) continue;
      return SignAuthority(offline_, row.spki_der, request.subject(), world_.clock.Now()).pem() +
             offline_.certificate.pem();
    }
    return "";
  }
  v1::ImportAuthorityRequest WithKey() {
    v1::ImportAuthorityRequest request;
    request.set_certificate_pem(lab_.certificate.pem());
    request.set_key_pem(std::string(Must(lab_.key.ToPem()).ExposeSecret()));
    return request;
  }
  grpc::Status Import(const v1::ImportAuthorityRequest& request, v1::ImportAuthorityResponse* response) {
    return ca_->ImportAuthority(Soon().get(), request, response);
  }
  v1::ListAuthoritiesResponse List() {
    v1::ListAuthoritiesResponse response;
    EXPECT_TRUE(ca_->ListAuthorities(Soon().get(), {}, &response).ok());
    return response;
  }

  const TestRoot offline_ = MakeTestRoot(world_.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Root");
  const TestRoot lab_ = MakeRunningCa(RsaKey(2048), "CN=Lab", world_.clock.Now());
};

TEST_F(EdgeImportTest, ARequestIsListedAndDropped) {
  v1::CreateSubordinateResponse planned;
  ASSERT_TRUE(Create("CN=Issuing CA,O=Example", &planned, true).ok());
  EXPECT_FALSE(planned.has_request());
  EXPECT_GT(planned.plan().steps_size(), 0);
  const v1::AuthorityRequest made = Created();
  EXPECT_EQ(made.subject(), "CN=Issuing CA,O=Example");
  EXPECT_THAT(made.csr_pem(), HasSubstr("BEGIN CERTIFICATE REQUEST"));
  EXPECT_EQ(made.created_by(), "socket:admin");
  EXPECT_TRUE(made.has_created_at());
  ASSERT_THAT(List().requests(), SizeIs(1));
  EXPECT_EQ(List().requests(0).csr_pem(), made.csr_pem());
  v1::CreateSubordinateResponse again;
  ASSERT_TRUE(Create("CN=Issuing CA,O=Example", &again).ok());
  EXPECT_FALSE(again.changed());
  EXPECT_EQ(again.request().id(), made.id());

  v1::ChangeAuthorityResponse withdrawn;
  ASSERT_TRUE(Change(made.id(), v1::ROTATION_VERB_WITHDRAW, &withdrawn).ok());
  EXPECT_TRUE(withdrawn.changed());
  EXPECT_FALSE(withdrawn.has_authority());
  EXPECT_THAT(List().requests(), SizeIs(0));
}

TEST_F(EdgeImportTest, AChainMakesARequestAPreparedAuthority) {
  const v1::AuthorityRequest made = Created();
  v1::ImportAuthorityRequest request;
  request.set_chain_pem(ChainFor(made));
  request.set_dry_run(true);
  v1::ImportAuthorityResponse judged;
  ASSERT_TRUE(Import(request, &judged).ok());
  EXPECT_FALSE(judged.changed());
  EXPECT_TRUE(judged.authority().has_key());
  EXPECT_THAT(List().requests(), SizeIs(1));
  request.set_dry_run(false);
  v1::ImportAuthorityResponse imported;
  ASSERT_TRUE(Import(request, &imported).ok());
  EXPECT_TRUE(imported.changed());
  EXPECT_EQ(imported.authority().state(), v1::AUTHORITY_STATE_PREPARED);
  EXPECT_EQ(imported.authority().id(), made.id());
  EXPECT_EQ(imported.authority().anchor_subject(), "CN=Root");
  EXPECT_EQ(imported.bundle_generation(), Generation());
  EXPECT_THAT(List().requests(), SizeIs(0));
  ASSERT_TRUE(Import(request, &imported).ok());
  EXPECT_FALSE(imported.changed());
}

TEST_F(EdgeImportTest, ARunningCaComesWithItsKey) {
  v1::ImportAuthorityResponse imported;
  const grpc::Status status = Import(WithKey(), &imported);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(imported.changed());
  EXPECT_EQ(imported.authority().state(), v1::AUTHORITY_STATE_RETIRED);
  EXPECT_TRUE(imported.authority().has_key());
  EXPECT_THAT(imported.plan().steps(), SizeIs(4));
}

TEST_F(EdgeImportTest, AKeyIsTakenOnTheAdminSocketOnly) {
  const auto network = Ca(Network("admin", "jane"));
  v1::ImportAuthorityResponse imported;
  const grpc::Status status = network->ImportAuthority(Soon().get(), WithKey(), &imported);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("on the admin socket only"));
  EXPECT_THAT(List().authorities(), SizeIs(2));
  v1::ImportAuthorityRequest anchor;
  anchor.set_certificate_pem(lab_.certificate.pem());
  EXPECT_TRUE(network->ImportAuthority(Soon().get(), anchor, &imported).ok());
  EXPECT_FALSE(imported.authority().has_key());
}

TEST_F(EdgeImportTest, WhatIsRefusedSaysNothingOfTheKey) {
  v1::ImportAuthorityResponse imported;
  v1::ImportAuthorityRequest request = WithKey();
  request.set_certificate_pem(offline_.certificate.pem());
  const grpc::Status status = Import(request, &imported);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("key_pem: is not the key of"));
  const std::string secret = request.key_pem().substr(200, 40);
  EXPECT_THAT(status.error_message(), Not(HasSubstr(secret)));
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].action(), "authority.import");
  EXPECT_THAT(refusals[0].SerializeAsString(), Not(HasSubstr(secret)));
  request = WithKey();
  request.set_key_pem(std::string(65537, 'k'));
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("key_pem has 65537 bytes"));
}

TEST_F(EdgeImportTest, OneThingIsImportedAtATime) {
  v1::ImportAuthorityResponse imported;
  v1::ImportAuthorityRequest request;
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("certificate_pem is empty"));
  request.set_chain_pem(offline_.certificate.pem());
  request.set_certificate_pem(offline_.certificate.pem());
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("chain_pem must be alone"));
  request.clear_certificate_pem();
  request.set_key_pem("key");
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("chain_pem must be alone"));
  request.clear_key_pem();
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("one certificate only"));
  request.set_chain_pem(std::string(65537, 'c'));
  EXPECT_THAT(Import(request, &imported).error_message(), HasSubstr("chain_pem has 65537 bytes"));
  v1::CreateSubordinateResponse made;
  EXPECT_THAT(Create("", &made).error_message(), HasSubstr("subject is empty"));
  EXPECT_EQ(Create(std::string(1025, 's'), &made).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EdgeImportTest, TheStandingSaysHowLongTheNextOneCanBePrepared) {
  EXPECT_TRUE(Standing().has_prepare_by());
  EXPECT_EQ(Standing().warning(), "");
  world_.clock.Advance(world_.Root().not_after() - absl::Hours(24 * 195) - world_.clock.Now());
  EXPECT_THAT(Standing().warning(), HasSubstr("can be prepared until"));
  EXPECT_EQ(Standing().warning_next(), "signetctl authority prepare");
}

}  // namespace
}  // namespace signet::rpc
