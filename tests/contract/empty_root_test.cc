// The adapter on a host that has nothing but the adapter.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"
#include "tests/testing/paths.h"

namespace signet::contract {
namespace {

namespace fs = std::filesystem;

bool BuiltWithASanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#endif
#endif
  return false;
}

class EmptyRoot : public testing::Test {
 protected:
  void SetUp() override {
    if (BuiltWithASanitizer()) GTEST_SKIP() << "sanitizers cannot be linked statically; the release build runs this";
  }
};

TEST_F(EmptyRoot, TheAdapterIsNoDynamicExecutable) {
  ScriptCall call;
  call.path = "/usr/bin/ldd";
  call.args = {absl::StrCat(SIGNET_BINARY_DIR, "/bin/signet-slurm")};
  const ScriptResult result = RunScript(call);
  EXPECT_TRUE(absl::StrContains(result.output, "not a dynamic executable")) << result.Describe();
}

TEST_F(EmptyRoot, ANodeEnrolsWithOneFileAndItsToken) {
  const TestCluster cluster;
  cluster.CreateTokens("n001");
  cluster.WriteBundle();
  const std::string root = cluster.path("root");
  for (const char* folder : {"scripts", "tokens", "state", "etc/slurm"})
    fs::create_directories(absl::StrCat(root, "/", folder));
  Scripts inside = cluster.NodeScripts();
  inside.directory = "/scripts";
  inside.call.root = root;
  inside.call.environment = {"PATH=/bin", "SIGNET_SLURM_CONFIG=/etc/signet-slurm.yaml"};
  fs::copy(cluster.path("scripts"), root + "/scripts", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::copy_file(cluster.token_file("n001"), root + "/tokens/n001.token");
  WriteAll(root + "/etc/signet-slurm.yaml",
           "cluster: demo\nca_cert_file: /etc/slurm/ca_cert.pem\ntoken_files: [\"/tokens/{node}.token\"]\nstate_dir: "
           "/state\n"
           "servers: [\"unix:/controller.sock\"]\n");
  fs::copy_file(cluster.ca_file(), root + "/etc/slurm/ca_cert.pem");
  // What every kernel shows of itself.
  fs::create_directories(root + "/proc/sys/kernel/random");
  WriteAll(root + "/proc/sys/kernel/random/boot_id", ReadAll("/proc/sys/kernel/random/boot_id"));
  // The controller's socket, reached from inside by the same file.
  fs::create_hard_link(cluster.path("run/controller.sock"), root + "/controller.sock");

  SlurmNode node("n001", inside);
  EXPECT_EQ(node.Enrol(Slurmctld(inside)), absl::OkStatus());
  EXPECT_EQ(CommonNameOf(node.certificate_pem()), "n001");
}

}  // namespace
}  // namespace signet::contract
