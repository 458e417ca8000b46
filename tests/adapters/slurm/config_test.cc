#include "adapters/slurm/config.h"

#include <gtest/gtest.h>

#include "tests/adapters/slurm/scratch.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

TEST(Config, ShippedExampleHoldsTheDefaults) {
  const auto example = LoadConfig(std::string(SIGNET_SOURCE_DIR) + "/packaging/signet-slurm.yaml");
  ASSERT_TRUE(example.ok()) << example.status();
  const Config defaults;
  EXPECT_EQ(example->servers, defaults.servers);
  EXPECT_EQ(example->ca_cert_file, defaults.ca_cert_file);
  EXPECT_EQ(example->token_files, defaults.token_files);
  EXPECT_EQ(example->state_dir, defaults.state_dir);
  EXPECT_EQ(example->slurmd_spool_dir, defaults.slurmd_spool_dir);
  EXPECT_EQ(example->kubernetes_token_file, defaults.kubernetes_token_file);
}

TEST(Config, ReadsEveryKey) {
  const Scratch scratch;
  WriteFile(scratch / "c.yaml",
            "cluster: alpha\nservers: [\"unix:/s\", \"head2:6843\"]\ntls: {cert: /c, key: /k, ca: /a}\n"
            "ca_cert_file: /x/ca.pem\ntoken_files: [/t]\nstate_dir: /run/s\nslurmd_spool_dir: /s/%n\n"
            "kubernetes: {token_file: /k8s}\nbundle_pin: " +
                std::string(64, 'a') + "\nbundle_sources: [/b]\ncertgen: {subject: \"CN={host},O=Example\"}\n");
  const auto config = LoadConfig(scratch / "c.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster, "alpha");
  EXPECT_EQ(config->servers.size(), 2u);
  EXPECT_EQ(config->tls.ca, "/a");
  EXPECT_EQ(config->slurmd_spool_dir, "/s/%n");
  EXPECT_EQ(config->kubernetes_token_file, "/k8s");
  EXPECT_EQ(config->ca_cert_file, "/x/ca.pem");
  EXPECT_EQ(config->bundle_pin, std::string(32, '\xaa'));
  EXPECT_EQ(config->bundle_sources, std::vector<std::string>{"/b"});
  EXPECT_EQ(config->certgen_subject, "CN={host},O=Example");
}

TEST(Config, RefusesWhatItDoesNotKnowOrCannotUse) {
  const Scratch scratch;
  for (const char* text :
       {"sever: [x]\n", "state_dir: relative\n", "bundle_pin: abc\n", "servers: []\n", "token_files: [x]\n",
        "slurmd_spool_dir: spool\n", "kubernetes: {token_file: token}\n", "kubernetes: {audience: x}\n"}) {
    WriteFile(scratch / "c.yaml", text);
    EXPECT_FALSE(LoadConfig(scratch / "c.yaml").ok()) << text;
  }
}

TEST(Config, AFileThatWasAskedForMustExist) { EXPECT_FALSE(LoadConfig("/nonexistent/signet-slurm.yaml").ok()); }

}  // namespace
}  // namespace signet::slurm
