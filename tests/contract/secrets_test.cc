// What a thief of the database, the log or the audit gets.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "services/evidence/token.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

// A secret in each form in which it could be written down.
void AddForms(std::map<std::string, std::string>& secrets, const std::string& what, const std::string& raw) {
  ASSERT_GE(raw.size(), 16u) << what;
  secrets[what + ", raw"] = raw;
  secrets[what + ", hex"] = absl::BytesToHexString(raw);
  secrets[what + ", base64"] = std::string(absl::StripSuffix(absl::StripSuffix(absl::Base64Escape(raw), "="), "="));
  secrets[what + ", base64url"] = absl::WebSafeBase64Escape(raw);
}

TEST(Secrets, AreNeitherInTheDatabaseNorInTheLogNorInTheAudit) {
  TestCluster cluster;
  cluster.CreateTokens("n[001-003]");
  cluster.WriteBundle();
  const Slurmctld controller = cluster.Controller();
  SlurmNode node = cluster.Node("n001");
  ASSERT_EQ(node.Enrol(controller), absl::OkStatus());
  ASSERT_EQ(node.Renew(controller), absl::OkStatus());
  SlurmNode other = cluster.Node("n002");
  ASSERT_EQ(other.Enrol(controller), absl::OkStatus());
  // Refusals are written down too, with what they were about.
  const Scripts scripts = cluster.ControllerScripts();
  EXPECT_FALSE(scripts.Run("validate-node", {"n003", ReadAll(cluster.token_file("n003"))}).said_valid());
  EXPECT_FALSE(scripts.Run("sign-csr", {node.key_pem()}).exited_zero());
  ASSERT_TRUE(
      cluster.Ctl({"service", "issue", "slurmctld", "--dir", cluster.path("run"), "--owner", "root"}).exited_zero());

  std::map<std::string, std::string> secrets;
  for (const std::string name : {"n001", "n002", "n003"}) {
    const std::string file = ReadAll(cluster.token_file(name));
    ASSERT_TRUE(absl::StartsWith(file, "signet-token1.")) << name;
    secrets["token of " + name] = std::string(absl::StripAsciiWhitespace(file)).substr(sizeof("signet-token1.") - 1);
    const absl::StatusOr<evidence::Token> token = evidence::ParseTokenFile(base::SecretBytes(file));
    ASSERT_EQ(token.status(), absl::OkStatus());
    AddForms(secrets, "scalar of the token of " + name, std::string(token->key.ToP256Scalar()->ExposeSecret()));
  }
  AddForms(secrets, "TLS key", PrivateScalar(node.key_pem()));
  AddForms(secrets, "key of slurmctld", PrivateScalar(ReadAll(cluster.path("run/ctld_cert_key.pem"))));
  int identities = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(cluster.state_dir())) {
    if (file.path().filename() != "identity") continue;
    AddForms(secrets, "identity key", PrivateScalar(ReadAll(file.path())));
    ++identities;
  }
  EXPECT_EQ(identities, 2);
  const std::string kek = std::string(absl::StripAsciiWhitespace(ReadAll(cluster.kek_file())));
  ASSERT_TRUE(absl::StartsWith(kek, "signet-kek1."));
  AddForms(secrets, "key-encryption key", absl::HexStringToBytes(kek.substr(sizeof("signet-kek1.") - 1)));
  secrets["any private key in PEM"] = "PRIVATE KEY-----";

  std::map<std::string, std::string> places;
  places["log"] = cluster.server_log();
  places["audit"] = cluster.Ctl({"audit", "tail", "-n", "1000", "-o", "json"}).output;
  ASSERT_TRUE(absl::StrContains(places["audit"], "n001")) << places["audit"];
  const auto gather = [&] {
    for (const auto& file : std::filesystem::recursive_directory_iterator(cluster.data_dir())) {
      if (file.is_regular_file()) places[file.path()] = ReadAll(file.path());
    }
  };
  gather();  // with the write-ahead log as it is while the server runs
  EXPECT_EQ(cluster.StopServer(), 0);
  gather();  // and as it is left behind
  cluster.StartServer();
  EXPECT_GE(places.size(), 3u);
  for (const auto& [where, content] : places) {
    for (const auto& [what, secret] : secrets)
      EXPECT_FALSE(absl::StrContains(content, secret)) << what << " in " << where;
  }
}

TEST(Secrets, LieInFilesThatOnlyTheirOwnerReads) {
  const TestCluster cluster;
  cluster.CreateTokens("n001");
  cluster.WriteBundle();
  SlurmNode node = cluster.Node("n001");
  ASSERT_EQ(node.Enrol(cluster.Controller()), absl::OkStatus());
  const auto others = std::filesystem::perms(077);
  EXPECT_EQ(std::filesystem::status(cluster.kek_file()).permissions(), std::filesystem::perms(0400));
  EXPECT_EQ(std::filesystem::status(cluster.token_file("n001")).permissions(), std::filesystem::perms(0400));
  for (const std::string& directory : {cluster.state_dir(), cluster.data_dir()}) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
      // The memory of bundle generations is public.
      if (!file.is_regular_file() || absl::StrContains(file.path().string(), "/bundle/")) continue;
      EXPECT_EQ(file.status().permissions() & others, std::filesystem::perms::none) << file.path();
    }
  }
}

}  // namespace
}  // namespace signet::contract
