// One node's life, judged by programs that know nothing of Signet.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

class NodeLife : public testing::Test {
 protected:
  NodeLife() {
    cluster_.CreateTokens("n[001-002]");
    cluster_.WriteBundle();
  }
  TestCluster cluster_;
  const Slurmctld controller_ = cluster_.Controller();
  SlurmNode node_ = cluster_.Node("n001");
};

TEST_F(NodeLife, EnrolsAndRenewsWithCertificatesThatOpensslAndGnutlsAccept) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  EXPECT_EQ(CommonNameOf(node_.certificate_pem()), "n001");
  EXPECT_EQ(VerifiedByTools(node_.certificate_pem(), cluster_.ca_file(), cluster_.path("run")), absl::OkStatus());
  const std::string first = SerialOf(node_.certificate_pem());
  ASSERT_EQ(node_.Renew(controller_), absl::OkStatus());
  EXPECT_EQ(VerifiedByTools(node_.certificate_pem(), cluster_.ca_file(), cluster_.path("run")), absl::OkStatus());
  EXPECT_NE(SerialOf(node_.certificate_pem()), first);
}

TEST_F(NodeLife, MakesANewTlsKeyForEachRequest) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  const std::string first = PrivateScalar(node_.key_pem());
  ASSERT_EQ(node_.Renew(controller_), absl::OkStatus());
  EXPECT_NE(PrivateScalar(node_.key_pem()), first);
}

TEST_F(NodeLife, SpeaksTlsWithSlurmctldInBothDirections) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  const ScriptResult issued =
      cluster_.Ctl({"service", "issue", "slurmctld", "--dir", cluster_.path("run"), "--owner", "root"});
  ASSERT_TRUE(issued.exited_zero()) << issued.Describe();
  const Endpoint node = {node_.certificate_pem(), node_.key_pem()};
  const Endpoint slurmctld = {ReadAll(cluster_.path("run/ctld_cert.pem")),
                              ReadAll(cluster_.path("run/ctld_cert_key.pem"))};
  EXPECT_EQ(CommonNameOf(slurmctld.certificate_pem), "slurmctld");
  EXPECT_EQ(VerifiedByTools(slurmctld.certificate_pem, cluster_.ca_file(), cluster_.path("run")), absl::OkStatus());
  EXPECT_EQ(Handshake(slurmctld, node, cluster_.ca_file()), absl::OkStatus());
  EXPECT_EQ(Handshake(node, slurmctld, cluster_.ca_file()), absl::OkStatus());
}

TEST_F(NodeLife, GetsTheSameCertificateWhenTheSameRequestIsSentAgain) {
  ASSERT_EQ(node_.MakeRequest(), absl::OkStatus());
  // The answer is lost on its way: slurmctld has run both scripts, the node never hears of it.
  const absl::StatusOr<std::string> lost = controller_.SignFirst("n001", node_.token(), node_.csr());
  ASSERT_EQ(lost.status(), absl::OkStatus());
  ASSERT_EQ(node_.SendRequest(controller_), absl::OkStatus());
  EXPECT_EQ(SerialOf(node_.certificate_pem()), SerialOf(*lost));
  const ScriptResult list = cluster_.Ctl({"cert", "list", "-o", "name"});
  ASSERT_TRUE(list.exited_zero()) << list.Describe();
  EXPECT_EQ(list.output.find(SerialOf(*lost)), list.output.rfind(SerialOf(*lost))) << list.output;
}

TEST_F(NodeLife, GetsTheSameCertificateWhenSignCsrIsKilledAtAnyMoment) {
  ASSERT_EQ(node_.MakeRequest(), absl::OkStatus());
  std::string serial;
  for (int milliseconds = 0; milliseconds < 12; ++milliseconds) {
    Scripts killed = cluster_.ControllerScripts();
    killed.call.limit = std::chrono::milliseconds(milliseconds);
    killed.Run("sign-csr", {node_.csr()});
    const absl::StatusOr<std::string> answer = controller_.SignRenewal(node_.csr());
    ASSERT_EQ(answer.status(), absl::OkStatus());
    if (serial.empty()) serial = SerialOf(*answer);
    EXPECT_EQ(SerialOf(*answer), serial) << "after a kill at " << milliseconds << " ms";
  }
}

TEST_F(NodeLife, SendsTheSameRequestUntilTheServerIsBack) {
  cluster_.KillServer();
  ASSERT_EQ(node_.MakeRequest(), absl::OkStatus());
  for (int tries = 0; tries < 3; ++tries) EXPECT_FALSE(node_.SendRequest(controller_).ok());
  cluster_.StartServer();
  EXPECT_EQ(node_.SendRequest(controller_), absl::OkStatus());
}

TEST_F(NodeLife, KeepsTheOldCertificateWhenARenewalFailsAndRenewsLater) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  const std::string old = node_.certificate_pem();
  cluster_.KillServer();
  EXPECT_FALSE(node_.Renew(controller_).ok());
  EXPECT_EQ(node_.certificate_pem(), old);
  cluster_.StartServer();
  EXPECT_EQ(node_.Renew(controller_), absl::OkStatus());
}

TEST_F(NodeLife, SurvivesAKillOfAnyNodeScriptAtAnyMoment) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  for (const char* script : {"generate-csr", "get-node-cert-key", "get-node-token"}) {
    for (int milliseconds = 0; milliseconds < 10; ++milliseconds) {
      Scripts killed = cluster_.NodeScripts();
      killed.call.limit = std::chrono::milliseconds(milliseconds);
      killed.Run(script, {"n001"});
      ASSERT_EQ(node_.Renew(controller_), absl::OkStatus()) << script << " killed at " << milliseconds << " ms";
    }
  }
}

TEST_F(NodeLife, PrintsOnlyPemOnSuccessAndOneLineOnFailure) {
  ASSERT_EQ(node_.Enrol(controller_), absl::OkStatus());
  EXPECT_TRUE(absl::StartsWith(node_.csr(), "-----BEGIN CERTIFICATE REQUEST-----\n"));
  EXPECT_TRUE(absl::StartsWith(node_.certificate_pem(), "-----BEGIN CERTIFICATE-----\n"));
  EXPECT_TRUE(absl::StartsWith(node_.key_pem(), "-----BEGIN "));
  EXPECT_TRUE(absl::StartsWith(node_.token(), "signet1."));
  EXPECT_FALSE(absl::StrContains(node_.token(), "\n")) << "slurmctld compares a CertToken exactly";
  const ScriptResult refused = cluster_.ControllerScripts().Run("sign-csr", {"no PEM at all"});
  EXPECT_FALSE(refused.exited_zero());
  EXPECT_FALSE(absl::StrContains(refused.output, "BEGIN"));
  EXPECT_EQ(std::count(refused.output.begin(), refused.output.end(), '\n'), 1) << refused.output;
}

TEST_F(NodeLife, NeverSaysValidWhenItIsToldToStop) {
  // The server hangs: it accepts and never answers, as a stopped process does.
  ASSERT_EQ(node_.MakeRequest(), absl::OkStatus());
  Scripts controller = cluster_.ControllerScripts();
  cluster_.PauseServer();
  const ScriptResult slow = controller.Run("validate-node", {"n001", node_.token()});
  EXPECT_FALSE(slow.timed_out) << "it must answer by itself inside Slurm's 5 s";
  EXPECT_FALSE(slow.said_valid()) << slow.Describe();
  controller.call.limit = std::chrono::milliseconds(500);
  const ScriptResult terminated = controller.Run("validate-node", {"n001", node_.token()});
  EXPECT_TRUE(terminated.timed_out);
  EXPECT_FALSE(terminated.said_valid()) << terminated.Describe();
  cluster_.ResumeServer();
}

TEST_F(NodeLife, WorksFromAnyDirectoryAsAnOrdinaryUserForCertgen) {
  Scripts user = cluster_.NodeScripts();
  user.call.uid = 65534;
  user.call.gid = 65534;
  user.call.cwd = "/proc";
  const ScriptResult key = user.Run("keygen", {});
  ASSERT_TRUE(key.gave_output()) << key.Describe();
  const ScriptResult certificate = user.Run("certgen", {key.output});
  ASSERT_TRUE(certificate.gave_output()) << certificate.Describe();
  EXPECT_TRUE(KeyMatches(certificate.output, key.output));
}

}  // namespace
}  // namespace signet::contract
