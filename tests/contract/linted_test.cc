// What a linter of the public web's certificates says of ours: the rules of the RFCs hold for a private authority too.
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

TEST(IssuedCertificates, PassZlintsRulesOfTheRfcs) {
  const char* zlint = std::getenv("SIGNET_ZLINT");
  if (zlint == nullptr) GTEST_SKIP() << "SIGNET_ZLINT names no zlint; tools/test builds one";
  const TestCluster cluster;
  cluster.CreateTokens("n001");
  cluster.WriteBundle();
  SlurmNode node = cluster.Node("n001");
  ASSERT_EQ(node.Enrol(cluster.Controller()), absl::OkStatus());
  const std::string run = cluster.path("run");
  WriteAll(run + "/node.pem", node.certificate_pem());
  ASSERT_TRUE(cluster.Ctl({"service", "issue", "slurmctld", "--dir", run, "--owner", "root"}).exited_zero());
  ASSERT_TRUE(cluster.Ctl({"client", "issue", "head1", "--role", "controller", "--out-dir", run}).exited_zero());
  WriteAll(run + "/root.pem", FirstPem(ReadAll(cluster.ca_file())));
  WriteAll(run + "/control_root.pem", FirstPem(ReadAll(run + "/control_ca.pem")));
  for (const char* file : {"node.pem", "ctld_cert.pem", "control.pem", "root.pem", "control_root.pem"}) {
    ScriptCall call;
    call.path = zlint;
    // The host in the URI of a control certificate is the cluster's name, which no DNS has to know.
    call.args = {"-includeSources", "RFC5280,RFC5480,RFC5891", "-excludeNames", "e_ext_san_uri_host_not_fqdn_or_ip",
                 absl::StrCat(run, "/", file)};
    call.limit = std::chrono::seconds(60);
    const ScriptResult result = RunScript(call);
    EXPECT_TRUE(result.exited_zero()) << file << ": " << result.Describe();
    EXPECT_TRUE(absl::StrContains(result.output, "\"pass\"")) << file << ": " << result.output;
    for (const char* verdict : {"\"result\":\"error\"", "\"result\":\"fatal\"", "\"result\":\"warn\""}) {
      EXPECT_FALSE(absl::StrContains(result.output, verdict)) << file << ": " << result.output;
    }
  }
}

}  // namespace
}  // namespace signet::contract
