#include "services/server/daemon.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/files/file.h"
#include "services/keys/request_signing.h"
#include "tests/services/server/daemon_fixture.h"

namespace signet::server {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(DaemonTest, SignsForANodeWhoseTokenAnAdministratorRegistered) {
  Start();
  ASSERT_TRUE(CreateToken(Admin()).ok());
  const keys::PrivateKey tls_key = NewKey();
  const std::string csr = NodeCsr(tls_key);
  v1::SignCertificateResponse first;
  const grpc::Status status = Sign(csr, &first);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto leaf = x509::Certificate::ListFromPem(first.certificate_chain_pem())->front();
  EXPECT_EQ(leaf.common_name(), "n1");
  EXPECT_TRUE(leaf.public_key() == tls_key.public_key());
  EXPECT_FALSE(first.repeated());

  v1::SignCertificateResponse again;
  ASSERT_TRUE(Sign(csr, &again).ok());
  EXPECT_TRUE(again.repeated());
  EXPECT_EQ(again.serial(), first.serial());

  v1::GetNodeRequest request;
  request.set_name("n1");
  v1::GetNodeResponse node;
  ASSERT_TRUE(Nodes(Admin())->GetNode(Soon().get(), request, &node).ok());
  ASSERT_EQ(node.nodes_size(), 1);
  EXPECT_EQ(node.nodes(0).serial(), first.serial());
  EXPECT_EQ(node.nodes(0).key_id(), identity_.public_key().key_id());
  EXPECT_EQ(node.nodes(0).superseded_keys(), 0);

  v1::GetCertificateRequest by_serial;
  by_serial.set_serial(first.serial());
  v1::GetCertificateResponse certificate;
  ASSERT_TRUE(Ca(Admin())->GetCertificate(Soon().get(), by_serial, &certificate).ok());
  EXPECT_EQ(certificate.certificate().subject(), "n1");

  v1::GetStatusResponse summary;
  ASSERT_TRUE(Ca(Admin())->GetStatus(Soon().get(), {}, &summary).ok());
  EXPECT_EQ(summary.nodes_enrolled(), 1);
  EXPECT_EQ(summary.first_lost_node(), "n1");
  EXPECT_EQ(summary.bundle_pin().size(), 64u);
}

TEST_F(DaemonTest, TheControllerIsNoAdministrator) {
  Start();
  const grpc::Status status = CreateToken(Controller());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(InfoOf(status).reason(), base::kAccessDenied);
  EXPECT_EQ(InfoOf(status).domain(), "signet");

  v1::ListAuditRecordsRequest newest;
  newest.set_page_size(1);
  newest.set_newest(true);
  v1::ListAuditRecordsResponse records;
  ASSERT_TRUE(Ca(Admin())->ListAuditRecords(Soon().get(), newest, &records).ok());
  ASSERT_EQ(records.records_size(), 1);
  EXPECT_EQ(records.records(0).actor(), "socket:controller");
  EXPECT_EQ(records.records(0).reason(), base::kAccessDenied);
  EXPECT_EQ(records.records(0).request_id(), InfoOf(status).metadata().at("request_id"));
}

TEST_F(DaemonTest, TheNetworkGivesEachCertificateItsRoleAndOthersOnlyWhatIsPublic) {
  Start();
  EXPECT_TRUE(GetBundle(Network()).ok());
  EXPECT_EQ(ListNodes(Network()).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  const auto auditor = ClientWith(v1::ROLE_AUDITOR);
  EXPECT_TRUE(ListNodes(auditor).ok());
  EXPECT_EQ(CreateToken(auditor).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(CreateToken(ClientWith(v1::ROLE_ADMIN)).ok());
  EXPECT_EQ(ListNodes(ClientWith(v1::ROLE_CONTROLLER)).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(DaemonTest, ASlurmCertificateOpensNothingOnTheNetwork) {
  Start();
  ASSERT_TRUE(CreateToken(Admin()).ok());
  const keys::PrivateKey tls_key = NewKey();
  v1::SignCertificateResponse signed_by_slurm_ca;
  ASSERT_TRUE(Sign(NodeCsr(tls_key), &signed_by_slurm_ca).ok());
  const auto node = Network(PemOf(tls_key), signed_by_slurm_ca.certificate_chain_pem());
  EXPECT_EQ(ListNodes(node).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(GetBundle(node).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(DaemonTest, ACertificateThatExpiredMeanwhileHasNoRole) {
  Start();
  const auto admin = ClientWith(v1::ROLE_ADMIN);
  ASSERT_TRUE(ListNodes(admin).ok());
  clock_.Advance(absl::Hours(24 * 91));
  const grpc::Status status = ListNodes(admin);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("its client certificate does not hold"));
}

TEST_F(DaemonTest, RefusesClientCertificatesForRolesThatNoneCarries) {
  Start();
  v1::IssueClientCertificateRequest request;
  request.set_name("jane");
  request.set_csr_pem(*keys::SignRequestPem(NewKey(), "jane", ""));
  for (const v1::Role role : {v1::ROLE_UNSPECIFIED, v1::ROLE_PUBLIC, static_cast<v1::Role>(42)}) {
    request.set_role(role);
    v1::IssueClientCertificateResponse response;
    EXPECT_EQ(Ca(Admin())->IssueClientCertificate(Soon().get(), request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(DaemonTest, BoundsFieldsAndMessages) {
  Start();
  v1::SignCertificateResponse response;
  const grpc::Status field = Sign(std::string(64 * 1024 + 1, 'x'), &response);
  EXPECT_EQ(field.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(field.error_message(), HasSubstr("the limit is 65536"));
  EXPECT_EQ(Sign("", &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Sign(std::string((4 << 20) + 1, 'x'), &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::ListNodesRequest page;
  page.set_page_size(1001);
  v1::ListNodesResponse nodes;
  EXPECT_EQ(Nodes(Admin())->ListNodes(Soon().get(), page, &nodes).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DaemonTest, HealthIsForAllAndReflectionForSocketsOnly) {
  Start();
  const std::string reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  std::string answer;
  for (const auto& channel : {Admin(), Controller()}) {
    EXPECT_TRUE(Healthy(channel));
    EXPECT_NE(CallRaw(channel, reflection, &answer).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_TRUE(Healthy(Network()));
  EXPECT_EQ(CallRaw(Network(), reflection, &answer).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(DaemonTest, ShedsLoadWhileHealthStaysGreen) {
  config_.limits.max_concurrent_calls = 1;
  Start();
  std::atomic<int> unexpected = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const auto channel = Controller();
      for (int call = 0; call < 40; ++call) {
        const grpc::Status status = GetBundle(channel);
        if (!status.ok() && InfoOf(status).reason() != base::kOverloaded) ++unexpected;
      }
    });
  }
  const auto probe = Admin();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Healthy(probe));
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(unexpected, 0);
  EXPECT_TRUE(GetBundle(Controller()).ok());
}

TEST_F(DaemonTest, ASecondProcessOnTheSameDataIsRefusedAndHarmsNothing) {
  Start();
  const auto second = Daemon::Start(config_, {clock_, random_, logger_});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another signetd uses data_dir"));
  EXPECT_TRUE(Healthy(Admin()));
}

TEST_F(DaemonTest, AServerThatCannotTakeASocketLeavesTheOthersAlone) {
  Start();
  Config other = config_;
  other.data_dir = folder_ + "/other";
  other.kek_file = folder_ + "/other/kek";
  other.admin.path = folder_ + "/other-admin.sock";
  const auto second = Daemon::Start(other, {clock_, random_, logger_});
  EXPECT_THAT(second.status().message(), HasSubstr("another server answers at " + config_.controller.path));
  EXPECT_TRUE(Healthy(Controller()));
  EXPECT_FALSE(files::Exists(other.admin.path));
}

TEST_F(DaemonTest, DrainsToAnEndWithoutSocketsAndWithACheckpoint) {
  Start();
  EXPECT_THAT(daemon_->notice(), HasSubstr("a lost key-encryption key is a lost authority"));
  daemon_->Drain();
  daemon_.reset();
  EXPECT_FALSE(files::Exists(config_.admin.path));
  EXPECT_FALSE(files::Exists(config_.controller.path));
  Start();
  EXPECT_THAT(daemon_->notice(), IsEmpty());
  v1::VerifyAuditResponse verdict;
  ASSERT_TRUE(Ca(Admin())->VerifyAudit(Soon().get(), {}, &verdict).ok());
  EXPECT_EQ(verdict.first_bad_sequence(), 0u) << verdict.fault();
  EXPECT_GE(verdict.checkpoints(), 1u);
}

TEST_F(DaemonTest, ADatabaseWithoutItsKeyIsNotGivenANewOne) {
  Start();
  daemon_.reset();
  ASSERT_TRUE(files::Remove(config_.kek_file).ok());
  const auto again = Daemon::Start(config_, {clock_, random_, logger_});
  EXPECT_THAT(again.status().message(), HasSubstr("is missing"));
  EXPECT_FALSE(files::Exists(config_.kek_file));
}

TEST_F(DaemonTest, AnotherClustersDataIsRefused) {
  Start();
  daemon_.reset();
  config_.cluster = "beta";
  EXPECT_EQ(Daemon::Start(config_, {clock_, random_, logger_}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DaemonTest, ReloadTakesOverLevelAndLimitsAndNamesWhatNeedsARestart) {
  Start();
  Config wanted = config_;
  wanted.log_level = telemetry::Level::kDebug;
  wanted.limits.max_concurrent_calls = 7;
  wanted.grpc.address = "127.0.0.1:1";
  daemon_->Reload(wanted);
  EXPECT_EQ(logger_.level(), telemetry::Level::kDebug);
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("needs a restart: listen.grpc.address")));
  EXPECT_TRUE(GetBundle(Network()).ok());
}

TEST_F(DaemonTest, TheListenersCertificateChangesWithoutARestart) {
  // Started 61 days ago, so that both certificates are valid by the client's real clock.
  clock_.Advance(-absl::Hours(24 * 61));
  Start();
  EXPECT_TRUE(GetBundle(Network()).ok());
  daemon_->Tick();
  EXPECT_THAT(logger_.lines(), testing::Not(Contains(HasSubstr("listener.renewed"))));
  clock_.Advance(absl::Hours(24 * 61));
  daemon_->Tick();
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("listener.renewed")));
  EXPECT_TRUE(GetBundle(Network()).ok());
  v1::ListCertificatesResponse certificates;
  ASSERT_TRUE(Ca(Admin())->ListCertificates(Soon().get(), {}, &certificates).ok());
  EXPECT_EQ(certificates.certificates_size(), 2);
}

}  // namespace
}  // namespace signet::server
