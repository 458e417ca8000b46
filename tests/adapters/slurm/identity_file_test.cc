#include "adapters/slurm/identity_file.h"

#include <gtest/gtest.h>

namespace signet::slurm {
namespace {

Identity Fresh(const std::string& token_id) { return {*keys::PrivateKey::Generate(x509::KeyType::kEcP256), token_id}; }

TEST(IdentityFile, ReadsWhatItWrote) {
  const Identity first = Fresh("0123456789abcdef0123456789abcdef");
  const Identity second = Fresh("");
  const auto parsed = ParseIdentities(*EncodeIdentities({first, second}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ((*parsed)[0].token_id, first.token_id);
  EXPECT_TRUE((*parsed)[0].key.public_key() == first.key.public_key());
  EXPECT_EQ((*parsed)[1].token_id, "");
  EXPECT_TRUE((*parsed)[1].key.public_key() == second.key.public_key());
}

TEST(IdentityFile, ReadsABareKeyAsOneWithoutAToken) {
  const Identity bare = Fresh("");
  const auto parsed = ParseIdentities(*bare.key.ToPem());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), 1u);
  EXPECT_TRUE(parsed->front().key.public_key() == bare.key.public_key());
}

TEST(IdentityFile, RefusesWhatIsNotWhole) {
  const auto whole = EncodeIdentities({Fresh("aa"), Fresh("bb")});
  const std::string text(whole->ExposeSecret());
  const std::size_t one = text.find("token: bb");
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (size != one) {
      EXPECT_FALSE(ParseIdentities(base::SecretBytes(text.substr(0, size))).ok()) << size;
    }
  }
  EXPECT_FALSE(ParseIdentities(base::SecretBytes(text + "x")).ok());
  EXPECT_FALSE(ParseIdentities(base::SecretBytes(text + text)).ok()) << "more than two";
}

}  // namespace
}  // namespace signet::slurm
