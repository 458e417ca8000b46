#include "services/base/random.h"

#include <set>

#include "gtest/gtest.h"

namespace signet::base {
namespace {

TEST(SystemRandom, GivesAsManyBytesAsAsked) {
  SystemRandom random;
  EXPECT_EQ(random.Bytes(0).size(), 0U);
  EXPECT_EQ(random.Bytes(1).size(), 1U);
  // getrandom(2) may answer in parts beyond 256 bytes.
  EXPECT_EQ(random.Bytes(100000).size(), 100000U);
}

TEST(SystemRandom, DoesNotRepeatItself) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(random.Bytes(16)).second);
}

}  // namespace
}  // namespace signet::base
