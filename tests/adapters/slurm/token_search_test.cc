#include "adapters/slurm/token_search.h"

#include <gtest/gtest.h>

#include "services/evidence/token.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

TEST(FindToken, TakesTheFileOfThisNode) {
  const Scratch scratch;
  const TokenSearch search = FindToken(ConfigIn(scratch), "n1", "slurmd");
  ASSERT_TRUE(search.token.has_value());
  EXPECT_EQ(search.token->path, scratch / "n1.token");
  EXPECT_EQ(search.token->cluster, "alpha");
  EXPECT_EQ(search.token->bundle_pin.size(), 32u);
}

TEST(FindToken, PassesOverATokenForAnotherNodeDaemonOrCluster) {
  const Scratch scratch;
  Config config = ConfigIn(scratch);
  WriteToken(scratch / "n2.token", "n1", "slurmd");
  EXPECT_FALSE(FindToken(config, "n2", "slurmd").token.has_value());
  EXPECT_FALSE(FindToken(config, "n1", "sackd").token.has_value());
  config.cluster = "beta";
  const TokenSearch search = FindToken(config, "n1", "slurmd");
  EXPECT_FALSE(search.token.has_value());
  ASSERT_EQ(search.refused.size(), 2u);
  EXPECT_NE(search.refused[0].find("for cluster alpha, not beta"), std::string::npos);
}

TEST(FindToken, GoesOnToTheNextFile) {
  const Scratch scratch;
  Config config = ConfigIn(scratch);
  WriteFile(scratch / "n1.token", "signet-token1.garbage", 0400);
  WriteToken(scratch / "token", "n1", "slurmd");
  const TokenSearch search = FindToken(config, "n1", "slurmd");
  ASSERT_TRUE(search.token.has_value());
  EXPECT_EQ(search.token->path, scratch / "token");
}

TEST(FindToken, RefusesAFileThatOthersCanRead) {
  const Scratch scratch;
  const Config config = ConfigIn(scratch);
  ASSERT_EQ(chmod((scratch / "n1.token").c_str(), 0644), 0);
  const TokenSearch search = FindToken(config, "n1", "slurmd");
  EXPECT_FALSE(search.token.has_value());
  EXPECT_NE(search.refused[0].find("chmod"), std::string::npos);
}

TEST(FindToken, DerivesTheKeyOfALabToken) {
  const Scratch scratch;
  Config config = ConfigIn(scratch);
  const std::string secret(64, 'c');
  unlink((scratch / "n1.token").c_str());
  WriteFile(scratch / "n1.token", secret + "\n", 0400);
  EXPECT_FALSE(FindToken(config, "n1", "slurmd").token.has_value()) << "the cluster is part of the derivation";
  config.cluster = "alpha";
  const TokenSearch search = FindToken(config, "n1", "slurmd");
  ASSERT_TRUE(search.token.has_value());
  EXPECT_EQ(search.token->id, evidence::DeriveLabKey(base::SecretBytes(secret), "alpha", "n1")->public_key().key_id());
  EXPECT_EQ(search.token->bundle_pin, "");
}

TEST(FindToken, CallsAnEmptyFileEmpty) {
  const Scratch scratch;
  Config config = ConfigIn(scratch);
  for (const char* cluster : {"", "alpha"}) {
    for (const char* content : {"", "\n"}) {
      config.cluster = cluster;
      unlink((scratch / "n1.token").c_str());
      WriteFile(scratch / "n1.token", content, 0400);
      const TokenSearch search = FindToken(config, "n1", "slurmd");
      EXPECT_FALSE(search.token.has_value());
      EXPECT_EQ(search.refused[0], (scratch / "n1.token") + ": empty file");
    }
  }
}

TEST(FindToken, NeverQuotesASecret) {
  const Scratch scratch;
  const Config config = ConfigIn(scratch);
  unlink((scratch / "n1.token").c_str());
  WriteFile(scratch / "n1.token", "hunter2hunter2", 0400);
  for (const std::string& line : FindToken(config, "n1", "slurmd").refused)
    EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
}

}  // namespace
}  // namespace signet::slurm
