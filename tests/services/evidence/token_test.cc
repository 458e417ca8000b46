#include "services/evidence/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/escaping.h"
#include "services/base/reason.h"
#include "signet/v1/token_file.pb.h"
#include "tests/services/evidence/example.h"

namespace signet::evidence {
namespace {

Token ExampleToken(keys::PrivateKey key = NewKey()) {
  return {"alpha", "n001", "slurmd", TokenKind::kSingleUse, std::move(key), std::string(32, 'p')};
}

void ExpectRefused(const std::string& text) {
  const auto refused = ParseTokenFile(base::SecretBytes(text));
  ASSERT_FALSE(refused.ok()) << text;
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  if (text.size() > 40) {
    EXPECT_EQ(refused.status().ToString().find(text.substr(20, 12)), std::string::npos);
  }
}

TEST(TokenFile, ComesBackAsItWasWritten) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kBoot, TokenKind::kReusable, TokenKind::kLab}) {
    Token token = ExampleToken();
    token.kind = kind;
    const base::SecretBytes text = *EncodeTokenFile(token);
    EXPECT_TRUE(LooksLikeTokenFile(text.ExposeSecret()));
    EXPECT_EQ(text.ExposeSecret().back(), '\n');
    const auto read = ParseTokenFile(text);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->cluster, "alpha");
    EXPECT_EQ(read->node, "n001");
    EXPECT_EQ(read->daemon, "slurmd");
    EXPECT_EQ(read->kind, kind);
    EXPECT_EQ(read->id(), token.id());
    EXPECT_EQ(read->bundle_pin, token.bundle_pin);
    EXPECT_TRUE(read->key.public_key() == token.key.public_key());
  }
}

TEST(TokenFile, LetsWhiteSpaceStandAroundItButNotInIt) {
  const std::string text((*EncodeTokenFile(ExampleToken())).ExposeSecret());
  EXPECT_TRUE(ParseTokenFile(base::SecretBytes("\n  " + text + "\r\n\n")).ok());
  std::string broken = text;
  broken.insert(30, "\n");
  ExpectRefused(broken);
  ExpectRefused(text + text);
}

TEST(TokenFile, IsRefusedWhenEmptyCutChangedOrForeign) {
  const std::string text((*EncodeTokenFile(ExampleToken())).ExposeSecret());
  ExpectRefused("");
  ExpectRefused("signet-token1.");
  ExpectRefused("signet-token2." + text.substr(14));
  ExpectRefused("signet1." + text.substr(14));
  ExpectRefused("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  ExpectRefused(std::string(5000, 'A'));
  ExpectRefused("signet-token1." + std::string(100, '\xff'));
  for (std::size_t size = 0; size + 1 < text.size(); ++size) ExpectRefused(text.substr(0, size));
  EXPECT_FALSE(LooksLikeTokenFile("n1 0123456789abcdef"));
}

TEST(TokenFile, IsRefusedWithAnyFieldOutOfItsBounds) {
  const std::pair<const char*, std::function<void(v1::TokenFile&)>> wrongs[] = {
      {"cluster", [](auto& m) { m.set_cluster(""); }},
      {"cluster path", [](auto& m) { m.set_cluster("../x"); }},
      {"node", [](auto& m) { m.set_node(""); }},
      {"node a service", [](auto& m) { m.set_node("slurmdbd"); }},
      {"node with space", [](auto& m) { m.set_node("n1 "); }},
      {"daemon", [](auto& m) { m.set_daemon("slurmctld"); }},
      {"kind unset", [](auto& m) { m.clear_kind(); }},
      {"kind unknown", [](auto& m) { m.set_kind(static_cast<v1::TokenKind>(5)); }},
      {"id", [](auto& m) { m.set_id(std::string(16, 'i')); }},
      {"id empty", [](auto& m) { m.clear_id(); }},
      {"scalar", [](auto& m) { m.set_private_scalar(std::string(32, '\0')); }},
      {"scalar beyond the order", [](auto& m) { m.set_private_scalar(std::string(32, '\xff')); }},
      {"scalar short", [](auto& m) { m.set_private_scalar("short"); }},
      {"pin missing", [](auto& m) { m.clear_bundle_pin(); }},
      {"pin short", [](auto& m) { m.set_bundle_pin("short"); }},
  };
  const std::string text((*EncodeTokenFile(ExampleToken())).ExposeSecret());
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(text.substr(14, text.size() - 15), &bytes));
  for (const auto& [what, change] : wrongs) {
    v1::TokenFile message;
    ASSERT_TRUE(message.ParseFromString(bytes));
    change(message);
    const std::string changed = "signet-token1." + absl::WebSafeBase64Escape(message.SerializeAsString());
    EXPECT_FALSE(ParseTokenFile(base::SecretBytes(changed)).ok()) << what;
  }
  EXPECT_FALSE(
      ParseTokenFile(base::SecretBytes("signet-token1." + absl::WebSafeBase64Escape(bytes + "\xa0\x06\x01"))).ok());
}

TEST(TokenFile, NeedsAPinUnlessItIsALabToken) {
  Token token = ExampleToken();
  token.bundle_pin.clear();
  EXPECT_FALSE(EncodeTokenFile(token).ok());
  token.kind = TokenKind::kLab;
  EXPECT_TRUE(ParseTokenFile(*EncodeTokenFile(token)).ok());
}

TEST(TokenFile, IsNotMadeFromAKeyThatIsNotP256) {
  EXPECT_FALSE(EncodeTokenFile(ExampleToken(*keys::PrivateKey::Generate(x509::KeyType::kEcP384))).ok());
}

TEST(TokenKind, HasANameThatComesBack) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kBoot, TokenKind::kReusable, TokenKind::kLab}) {
    EXPECT_EQ(*TokenKindFromName(TokenKindName(kind)), kind);
  }
  EXPECT_FALSE(TokenKindFromName("").ok());
  EXPECT_FALSE(TokenKindFromName("unknown").ok());
  EXPECT_FALSE(TokenKindFromName("Boot").ok());
}

absl::StatusOr<keys::PrivateKey> Derive(absl::string_view secret, absl::string_view cluster = "alpha",
                                        absl::string_view node = "n001") {
  return DeriveLabKey(base::SecretBytes(secret), cluster, node);
}

TEST(LabKey, IsRefusedUnder128Bits) {
  const std::string hex(32, 'a');
  EXPECT_TRUE(Derive(hex).ok());
  EXPECT_EQ(base::ReasonOf(Derive(hex.substr(1)).status()), base::kTokenWeak);
  const std::string letters(22, 'z');
  EXPECT_TRUE(Derive(letters).ok());
  EXPECT_EQ(base::ReasonOf(Derive(letters.substr(1)).status()), base::kTokenWeak);
  EXPECT_EQ(base::ReasonOf(Derive("").status()), base::kTokenWeak);
  EXPECT_EQ(base::ReasonOf(Derive("secret").status()), base::kTokenWeak);
}

// One token listed for two nodes gives two keys, so neither enrols the other.
TEST(LabKey, DiffersByNodeClusterAndSecret) {
  const std::string hex(32, 'a');
  const auto key = *Derive(hex);
  EXPECT_TRUE(Derive(hex)->public_key() == key.public_key());
  EXPECT_FALSE(Derive(hex, "alpha", "n002")->public_key() == key.public_key());
  EXPECT_FALSE(Derive(hex, "beta")->public_key() == key.public_key());
  EXPECT_FALSE(Derive(hex + "a")->public_key() == key.public_key());
  EXPECT_FALSE(Derive(hex, "alph", "an001")->public_key() == key.public_key());
}

TEST(LabKey, RefusesALineEndThatOneSideKept) {
  const std::string hex(32, 'a');
  for (const std::string& wrong :
       {hex + "\n", hex + "\r", " " + hex, hex + '\0', hex + "\xff", hex + "\x7f", std::string(5000, 'a')}) {
    EXPECT_EQ(base::ReasonOf(Derive(wrong).status()), base::kMalformed);
  }
  EXPECT_FALSE(Derive(hex, "").ok());
  EXPECT_FALSE(Derive(hex, "alpha", "slurmctld").ok());
  EXPECT_FALSE(Derive(hex, "alpha", "").ok());
}

}  // namespace
}  // namespace signet::evidence
