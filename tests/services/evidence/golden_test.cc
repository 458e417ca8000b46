// Both sides of each format against tests/golden/: what was written once is read for ever.
#include <gtest/gtest.h>

#include "services/evidence/statement.h"
#include "services/evidence/token.h"
#include "signet/v1/statement.pb.h"
#include "tests/golden/vector.h"

namespace signet::evidence {
namespace {

Statement StatementOf(const GoldenVector& golden) {
  Statement statement;
  statement.cluster = golden.Text("cluster");
  statement.node = golden.Text("node");
  statement.daemon = golden.Text("daemon");
  statement.issued_at = absl::FromUnixMillis(std::stoll(golden.Text("issued_at_ms")));
  statement.expires_at = absl::FromUnixMillis(std::stoll(golden.Text("expires_at_ms")));
  statement.seq = std::stoull(golden.Text("seq"));
  statement.boot_id = golden.Text("boot_id");
  statement.csr_spki_sha256 = golden.Bytes("csr_spki_sha256");
  statement.bundle_on_disk = {std::stoull(golden.Text("disk_generation")), golden.Bytes("disk_sha256")};
  statement.bundle_loaded = {std::stoull(golden.Text("loaded_generation")), golden.Bytes("loaded_sha256")};
  statement.loaded_seen_at_renewal = true;
  statement.adapter_version = golden.Text("adapter_version");
  statement.machine_id_sha256 = golden.Bytes("machine_id_sha256");
  statement.kubernetes_token = golden.Text("kubernetes_token");
  return statement;
}

TEST(Golden, StatementIsMadeWithTheSameBytes) {
  const GoldenVector golden("statement.txt");
  const keys::PrivateKey token = golden.Key("token_scalar");
  v1::SignedStatement made;
  ASSERT_TRUE(made.ParseFromString(*Sign(StatementOf(golden), golden.Key("identity_scalar"), &token)));
  EXPECT_EQ(made.statement(), golden.Bytes("statement"));
  v1::Statement message;
  ASSERT_TRUE(message.ParseFromString(made.statement()));
  EXPECT_EQ(static_cast<int>(message.loaded_evidence()), 1) << "the number is part of the format";
}

TEST(Golden, StatementIsRead) {
  const GoldenVector golden("statement.txt");
  const std::string bytes = golden.Bytes("signed_statement");
  EXPECT_EQ(*DecodeScriptToken(golden.Text("script_token")), bytes);
  EXPECT_EQ(EncodeScriptToken(bytes), golden.Text("script_token"));
  const auto parsed = SignedStatement::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->VerifyToken(golden.Key("token_scalar").public_key()).ok());
  EXPECT_TRUE(parsed->identity_key() == golden.Key("identity_scalar").public_key());
  EXPECT_EQ(parsed->statement().node, golden.Text("node"));
  EXPECT_EQ(parsed->statement().csr_spki_sha256, golden.Bytes("csr_spki_sha256"));
  EXPECT_EQ(parsed->statement().bundle_loaded.sha256, golden.Bytes("loaded_sha256"));
  EXPECT_TRUE(parsed->statement().loaded_seen_at_renewal);
}

TEST(Golden, TokenFileIsMadeAndRead) {
  const GoldenVector golden("token_file.txt");
  const Token token{golden.Text("cluster"), golden.Text("node"),
                    golden.Text("daemon"),  *TokenKindFromName(golden.Text("kind")),
                    golden.Key("scalar"),   golden.Bytes("bundle_pin")};
  EXPECT_EQ(std::string((*EncodeTokenFile(token)).ExposeSecret()), golden.Text("text") + "\n");
  const auto read = ParseTokenFile(base::SecretBytes(golden.Text("text")));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->id(), golden.Text("id"));
  EXPECT_EQ(read->node, golden.Text("node"));
  EXPECT_EQ(read->bundle_pin, golden.Bytes("bundle_pin"));
}

TEST(Golden, LabKeyIsDerived) {
  const GoldenVector golden("lab_key.txt");
  const auto key = DeriveLabKey(base::SecretBytes(golden.Text("secret")), golden.Text("cluster"), golden.Text("node"));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->public_key().spki_der(), golden.Bytes("spki_der"));
}

}  // namespace
}  // namespace signet::evidence
