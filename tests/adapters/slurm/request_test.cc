#include "adapters/slurm/request.h"

#include <gtest/gtest.h>

#include "services/x509/public_key.h"

namespace signet::slurm {
namespace {

Request Make() {
  const auto identity = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const auto tls = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  evidence::Statement facts;
  facts.key_id = identity.public_key().key_id();
  facts.cluster = "alpha";
  facts.node = "n1";
  facts.daemon = "slurmd";
  facts.issued_at = absl::FromUnixMillis(1790000000000);
  facts.expires_at = facts.issued_at + evidence::kStatementLifetime;
  facts.seq = 7;
  facts.boot_id = "11111111-2222-3333-4444-555555555555";
  facts.csr_spki_sha256 = tls.public_key().spki_sha256();
  facts.identity_spki_der = identity.public_key().spki_der();
  facts.adapter_version = "1";
  return Request{tls, *evidence::Sign(facts, identity, nullptr), facts, true, "12 345"};
}

TEST(Request, SurvivesItsFile) {
  const Request request = Make();
  const auto read = ParseRequest(*EncodeRequest(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->tls_key.public_key() == request.tls_key.public_key());
  EXPECT_EQ(read->statement, request.statement);
  EXPECT_EQ(read->facts.seq, 7u);
  EXPECT_TRUE(read->renewal);
  EXPECT_EQ(read->parent, "12 345");
}

TEST(Request, EveryCutFileIsRefused) {
  const auto file = *EncodeRequest(Make());
  const absl::string_view text = file.ExposeSecret();
  // What follows the last character of base64 is decoration.
  const std::size_t end = text.rfind("\n-----END");
  for (std::size_t length = 0; length <= end; length += 7) {
    EXPECT_FALSE(ParseRequest(base::SecretBytes(text.substr(0, length))).ok()) << length;
  }
}

TEST(Request, AStatementAboutAnotherKeyIsRefused) {
  Request request = Make();
  request.tls_key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  EXPECT_FALSE(ParseRequest(*EncodeRequest(request)).ok());
}

}  // namespace
}  // namespace signet::slurm
