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

TEST(Config, ThePinComesFromOneOfTwoPlaces) {
  const Scratch scratch;
  const std::string hex(64, 'a');
  WriteFile(scratch / "c.yaml", "bundle_pin: " + hex + "\nbundle_pin_file: /p\n");
  const auto both = LoadConfig(scratch / "c.yaml");
  EXPECT_NE(both.status().message().find("bundle_pin is set, too"), absl::string_view::npos) << both.status();
  WriteFile(scratch / "c.yaml", "bundle_pin_file: p\n");
  EXPECT_FALSE(LoadConfig(scratch / "c.yaml").ok());
  WriteFile(scratch / "c.yaml", "bundle_pin_file: " + (scratch / "pin") + "\n");
  const Config config = *LoadConfig(scratch / "c.yaml");
  EXPECT_TRUE(absl::IsFailedPrecondition(ConfiguredPin(config).status()));
  for (const std::string& wrong : {std::string(), hex.substr(1), hex + "a", hex + hex, std::string(64, 'g')}) {
    WriteFile(scratch / "pin", wrong);
    EXPECT_TRUE(absl::IsFailedPrecondition(ConfiguredPin(config).status())) << wrong;
  }
  WriteFile(scratch / "pin", hex + "\n");
  EXPECT_EQ(*ConfiguredPin(config), std::string(32, '\xaa'));
  EXPECT_EQ(*ConfiguredPin(Config()), "");
}

TEST(Config, AServicesPairHasTwoFiles) {
  const Scratch scratch;
  WriteFile(scratch / "c.yaml", "service: {cert: /own/tls.crt, key: /own/tls.key}\n");
  const auto config = LoadConfig(scratch / "c.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->service_cert, "/own/tls.crt");
  EXPECT_EQ(config->service_key, "/own/tls.key");
  for (const char* text : {"service: {cert: /own/tls.crt}\n", "service: {cert: /a, key: b}\n", "service: {}\n"}) {
    WriteFile(scratch / "c.yaml", text);
    EXPECT_FALSE(LoadConfig(scratch / "c.yaml").ok()) << text;
  }
}

TEST(Config, AFileThatWasAskedForMustExist) { EXPECT_FALSE(LoadConfig("/nonexistent/signet-slurm.yaml").ok()); }

}  // namespace
}  // namespace signet::slurm
