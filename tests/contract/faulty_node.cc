#include "tests/contract/faulty_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/evidence/token.h"
#include "services/keys/request_signing.h"
#include "tests/contract/judges.h"

namespace signet::contract {
namespace {

namespace fs = std::filesystem;

std::string Yaml(std::map<std::string, std::string> keys, const std::map<std::string, std::string>& changes) {
  for (const auto& [key, value] : changes) keys[key] = value;
  std::string text;
  for (const auto& [key, value] : keys) {
    if (!value.empty()) absl::StrAppend(&text, key, ": ", value, "\n");
  }
  return text;
}

}  // namespace

FaultyNode::FaultyNode(const TestCluster& cluster, std::string name) : cluster_(cluster), name_(std::move(name)) {
  for (const char* folder : {"tokens", "state", "spool"}) fs::create_directories(path(folder));
  fs::permissions(path(""), fs::perms(0755));
  Configure({});
  ConfigureController({});
}

void FaultyNode::Configure(const std::map<std::string, std::string>& changes) const {
  WriteAll(path("node.yaml"), Yaml({{"cluster", "demo"},
                                    {"ca_cert_file", cluster_.ca_file()},
                                    {"token_files", absl::StrCat("[\"", path("tokens/{node}.token"), "\"]")},
                                    {"state_dir", state_dir()},
                                    {"slurmd_spool_dir", path("spool")},
                                    {"servers", absl::StrCat("[\"unix:", path("nowhere.sock"), "\"]")}},
                                   changes));
}

void FaultyNode::ConfigureController(const std::map<std::string, std::string>& changes) const {
  WriteAll(path("controller.yaml"), Yaml({{"cluster", "demo"},
                                          {"ca_cert_file", cluster_.ca_file()},
                                          {"servers", absl::StrCat("[\"unix:", cluster_.controller_socket(), "\"]")}},
                                         changes));
}

void FaultyNode::Ctl(std::vector<std::string> args) const {
  const ScriptResult result = cluster_.Ctl(std::move(args));
  EXPECT_TRUE(result.exited_zero()) << name_ << ": " << result.Describe();
}

void FaultyNode::CreateToken(const std::vector<std::string>& extra) const {
  std::vector<std::string> args = {"token", "create", name_, "--force", "--out-dir", path("tokens")};
  args.insert(args.end(), extra.begin(), extra.end());
  Ctl(args);
}

absl::Status FaultyNode::Enrol() const {
  SlurmNode node(name_, node_scripts());
  return node.Enrol(Slurmctld(controller_scripts()));
}

void FaultyNode::EnrolWithToken() const {
  CreateToken();
  EXPECT_EQ(Enrol(), absl::OkStatus()) << name_;
}

std::string FaultyNode::NodeSays(const std::string& script) const { return node_scripts().Run(script, {name_}).output; }

std::string FaultyNode::SignCsrSays(const std::string& csr) const {
  return controller_scripts().Run("sign-csr", {csr}).output;
}

std::string FaultyNode::ValidateNodeSays() const {
  const ScriptResult token = node_scripts().Run("get-node-token", {name_});
  EXPECT_TRUE(token.gave_output()) << token.Describe();
  return controller_scripts().Run("validate-node", {name_, token.output}).output;
}

std::string FaultyNode::Explain(const std::string& name) const {
  const ScriptResult result = cluster_.Ctl({"node", "explain", name, "-o", "wide"});
  EXPECT_TRUE(result.exited_zero()) << result.Describe();
  return result.output;
}

std::string FaultyNode::ForgedCsr(const std::function<void(evidence::Statement&)>& change) const {
  const auto enrolled = keys::PrivateKey::FromPem(base::SecretBytes(FirstPem(ReadAll(state() + "/identity"))));
  const keys::PrivateKey identity = enrolled.ok() ? *enrolled : *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const auto token = evidence::ParseTokenFile(base::SecretBytes(ReadAll(token_file())));
  const bool show_token = !enrolled.ok() && token.ok();
  const keys::PrivateKey tls_key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  evidence::Statement statement;
  statement.key_id = identity.public_key().key_id();
  statement.cluster = "demo";
  statement.node = name_;
  statement.daemon = "slurmd";
  statement.issued_at = absl::FromUnixMillis(absl::ToUnixMillis(absl::Now()));
  statement.expires_at = statement.issued_at + evidence::kStatementLifetime;
  statement.seq = static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));  // above every sequence number of before
  statement.boot_id = "6d2c1b0a-0000-4000-8000-000000000001";
  statement.csr_spki_sha256 = tls_key.public_key().spki_sha256();
  statement.identity_spki_der = identity.public_key().spki_der();
  if (show_token) statement.token_id = token->id();
  statement.adapter_version = "0.1.0";
  change(statement);
  const auto bytes = evidence::Sign(statement, identity, show_token ? &token->key : nullptr);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  if (!bytes.ok()) return "";
  return *keys::SignRequestPem(tls_key, statement.node, *bytes);
}

}  // namespace signet::contract
