#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "services/base/random.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "tests/testing/must.h"
#include "tests/testing/test_root.h"

namespace signet::policy {
namespace {

using ::signet::testing::Must;

// All but four bytes and two bits of a serial are the generator's: the sixteen that are compared here are among them.
TEST(Serial, IsNotRepeatedInTenMillionDrawsOfTheGenerator) {
  constexpr std::size_t kDraws = 10'000'000;
  base::SystemRandom random;
  std::vector<unsigned __int128> drawn(kDraws);
  for (unsigned __int128& serial : drawn) std::memcpy(&serial, random.Bytes(20).data() + 4, sizeof(serial));
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(std::adjacent_find(drawn.begin(), drawn.end()), drawn.end());
}

TEST(Serial, KeepsEveryBitOfTheGeneratorButTheTwoThatMakeItPositiveAndLong) {
  const absl::Time now = absl::FromUnixSeconds(1767225600);
  const auto root = ::signet::testing::MakeTestRoot(now);
  const keys::PrivateKey key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  for (const char fill : {'\x00', '\xff'}) {
    const std::string serial = Must(LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(), root.certificate,
                                                 std::string(20, fill), now))
                                   .serial;
    EXPECT_EQ(serial, (fill == '\0' ? "\x40" : "\x7f") + std::string(19, fill));
  }
}

}  // namespace
}  // namespace signet::policy
