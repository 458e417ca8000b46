// Pods enrol and renew through a whole signetd, whose controller shows a service account token.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "tests/services/server/daemon_fixture.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/simulated_node.h"

namespace signet::server {
namespace {

using ::testing::Each;
using testing::FakePod;
using ::testing::HasSubstr;
using ::testing::Not;

class KubernetesTest : public DaemonTest {
 protected:
  KubernetesTest() {
    ctld_.name = "slurm-controller-0";
    ctld_.service_account = "slurm-ctld";
    ctld_.hostname = "slurm-controller-0";
    ctld_.owner_kind = "StatefulSet";
    ctld_.owner_api_version = "apps/v1";
    kubernetes_.Put(ctld_);
    config_.kubernetes = {true,
                          kubernetes_.url(),
                          kubernetes_.ca_file(),
                          kubernetes_.token_file(),
                          "signet",
                          "nodeset",
                          {{"slurm/slurm-worker", "slurmd"}, {"slurm/slurm-ctld", "controller"}}};
    bearer_ = kubernetes_.TokenOf(ctld_);
  }

  static FakePod Worker(int n) {
    FakePod pod;
    pod.name = "slurm-worker-" + std::to_string(n);
    pod.hostname = "worker-" + std::to_string(n);
    return pod;
  }
  // The node that a new pod is, with its token.
  testing::SimulatedNode Boot(const FakePod& pod) {
    kubernetes_.Put(pod);
    testing::SimulatedNode node(pod.hostname, clock_);
    node.kubernetes_token = kubernetes_.TokenOf(pod);
    tokens_.push_back(node.kubernetes_token);
    return node;
  }
  // sign_csr as slurmctld's adapter calls it. The deadline is what a new pod may wait: an answer after it would be
  // DEADLINE_EXCEEDED.
  grpc::Status SignByBearer(const testing::NodeRequest& request, const std::string& bearer,
                            v1::SignCertificateResponse* response) {
    tokens_.push_back(bearer);
    v1::SignCertificateRequest message;
    message.set_csr_pem(request.csr_pem);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + wait_);
    context.AddMetadata("authorization", "Bearer " + bearer);
    return Ca(Network())->SignCertificate(&context, message, response);
  }
  std::string Reason(const testing::NodeRequest& request, const std::string& bearer) {
    v1::SignCertificateResponse response;
    const grpc::Status status = SignByBearer(request, bearer, &response);
    if (!status.ok()) return InfoOf(status).reason();
    const auto leaf = x509::Certificate::ListFromPem(response.certificate_chain_pem())->front();
    EXPECT_EQ(leaf.common_name(), request.statement.node);
    EXPECT_TRUE(leaf.public_key() == request.tls_key.public_key());
    return "";
  }
  void ExpectRetryable(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
    EXPECT_EQ(InfoOf(status).reason(), base::kKubernetesUnavailable);
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(status.error_details()));
    google::rpc::RetryInfo retry;
    ASSERT_EQ(details.details_size(), 2);
    EXPECT_TRUE(details.details(1).UnpackTo(&retry));
  }
  v1::GetNodeResponse Show(const std::string& name) {
    v1::GetNodeRequest request;
    request.set_name(name);
    v1::GetNodeResponse response;
    EXPECT_TRUE(Nodes(Admin())->GetNode(Soon().get(), request, &response).ok());
    return response;
  }

  testing::FakeKubernetes kubernetes_{clock_};
  FakePod ctld_;
  std::string bearer_;
  std::vector<std::string> tokens_;
  std::chrono::milliseconds wait_ = std::chrono::seconds(20);
};

TEST_F(KubernetesTest, APodEnrolsAndRenewsWhileTheApiIsDownAndANewOneIsToldToTryAgain) {
  Start();
  const FakePod pod = Worker(0);
  testing::SimulatedNode node = Boot(pod);
  ASSERT_EQ(Reason(node.Ask(), bearer_), "");
  const v1::GetNodeResponse shown = Show("worker-0");
  ASSERT_EQ(shown.nodes_size(), 1);
  EXPECT_EQ(shown.nodes(0).pod_uid(), pod.uid);

  wait_ = std::chrono::seconds(2);
  for (const bool refusing : {true, false}) {
    refusing ? kubernetes_.Down() : kubernetes_.BlackHole();
    clock_.Advance(absl::Minutes(10));
    v1::SignCertificateResponse response;
    // Its identity key is in the ledger: its pod is not asked about again.
    EXPECT_EQ(Reason(node.Ask(), bearer_), "");
    testing::SimulatedNode late = Boot(Worker(refusing ? 1 : 2));
    ExpectRetryable(SignByBearer(late.Ask(), bearer_, &response));
  }

  kubernetes_.Up();
  wait_ = std::chrono::seconds(20);
  testing::SimulatedNode late = Boot(Worker(1));
  EXPECT_EQ(Reason(late.Ask(), bearer_), "");
  for (const std::string& token : tokens_) EXPECT_THAT(logger_.lines(), Each(Not(HasSubstr(token))));
}

TEST_F(KubernetesTest, AControllerThatIsUnknownWhileTheApiIsDownIsToldToTryAgain) {
  Start();
  testing::SimulatedNode node = Boot(Worker(0));
  kubernetes_.Down();
  v1::SignCertificateResponse response;
  ExpectRetryable(SignByBearer(node.Ask(), bearer_, &response));
  kubernetes_.Up();
  EXPECT_EQ(Reason(node.Ask(), bearer_), "");
}

TEST_F(KubernetesTest, ARestartWhileTheApiIsDownEndsInARetryAndNotInARefusal) {
  Start();
  testing::SimulatedNode node = Boot(Worker(0));
  ASSERT_EQ(Reason(node.Ask(), bearer_), "");
  kubernetes_.Down();
  daemon_.reset();
  Start();
  EXPECT_EQ(Reason(node.Ask(), bearer_), base::kKubernetesUnavailable);
}

TEST_F(KubernetesTest, ATokenThatIsNoControllersGivesNoRights) {
  Start();
  testing::SimulatedNode node = Boot(Worker(0));
  // The worker's own token, a stranger's, and none of a service account on the list.
  EXPECT_EQ(Reason(node.Ask(), node.kubernetes_token), base::kAccessDenied);
  FakePod other = ctld_;
  other.name_space = "other";
  kubernetes_.Put(other);
  EXPECT_EQ(Reason(node.Ask(), kubernetes_.TokenOf(other)), base::kAccessDenied);
  testing::TokenWish vault;
  vault.audiences = {"vault"};
  EXPECT_EQ(Reason(node.Ask(), kubernetes_.TokenOf(ctld_, vault)), base::kAccessDenied);
  EXPECT_EQ(Reason(node.Ask(), "junk"), base::kAccessDenied);
}

TEST_F(KubernetesTest, AControllersTokenOpensNothingButTheControllersCalls) {
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + wait_);
  context.AddMetadata("authorization", "Bearer " + bearer_);
  v1::ListNodesResponse response;
  const grpc::Status status = Nodes(Network())->ListNodes(&context, {}, &response);
  EXPECT_EQ(InfoOf(status).reason(), base::kAccessDenied);
  EXPECT_THAT(status.error_message(), HasSubstr("kubernetes:slurm/slurm-ctld/slurm-controller-0 may not call"));
}

TEST_F(KubernetesTest, AControllersPodIsNoNode) {
  Start();
  testing::SimulatedNode node("slurm-controller-0", clock_);
  node.kubernetes_token = bearer_;
  EXPECT_EQ(Reason(node.Ask(), bearer_), base::kWrongDaemon);
}

TEST_F(KubernetesTest, AReloadTakesOverTheAllowList) {
  Start();
  testing::SimulatedNode node = Boot(Worker(0));
  ASSERT_EQ(Reason(node.Ask(), bearer_), "");
  Config wanted = config_;
  wanted.kubernetes.service_accounts.erase("slurm/slurm-ctld");
  daemon_->Reload(wanted);
  EXPECT_EQ(Reason(node.Ask(), bearer_), base::kAccessDenied);
  daemon_->Reload(config_);
  EXPECT_EQ(Reason(node.Ask(), bearer_), "");
}

TEST_F(KubernetesTest, AReloadTakesOverTheLimitsOfRequests) {
  Start();
  testing::SimulatedNode node = Boot(Worker(0));
  ASSERT_EQ(Reason(node.Ask(), bearer_), "");
  Config wanted = config_;
  wanted.request_rates.requests_per_key_per_minute = 1;
  daemon_->Reload(wanted);
  ASSERT_EQ(Reason(node.Ask(), bearer_), "");
  EXPECT_EQ(Reason(node.Ask(), bearer_), base::kTooManyRequests);
}

}  // namespace
}  // namespace signet::server
