#include "services/base/secret_bytes.h"

#include <utility>

#include "gtest/gtest.h"

namespace signet::base {
namespace {

TEST(SecretBytes, TakeLeavesTheCallersStringEmptyAndItsBufferWiped) {
  std::string source = "scalar!";  // short enough to live inside the string object
  const char* const buffer = source.data();
  const SecretBytes secret = SecretBytes::Take(source);
  EXPECT_EQ(secret.ExposeSecret(), "scalar!");
  EXPECT_TRUE(source.empty());
  for (int i = 0; i < 7; ++i) EXPECT_EQ(buffer[i], '\0') << "byte " << i;
}

TEST(SecretBytes, MovingLeavesNothingBehind) {
  SecretBytes first("scalar!");
  const SecretBytes second = std::move(first);
  EXPECT_EQ(second.ExposeSecret(), "scalar!");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): what is left is the point
}

TEST(SecretBytes, MoveAssignmentWipesWhatWasThere) {
  SecretBytes target("old");
  target = SecretBytes("new");
  EXPECT_EQ(target.ExposeSecret(), "new");
  EXPECT_EQ(target.size(), 3U);
}

TEST(WipeString, ZeroesTheWholeBufferAndNotOnlyTheLastValue) {
  std::string bytes = "a long secret that lives on the heap";
  const std::size_t size = bytes.size();
  bytes = "short";
  const char* const buffer = bytes.data();
  WipeString(bytes);
  ASSERT_EQ(bytes.data(), buffer);
  EXPECT_TRUE(bytes.empty());
  bytes.resize(size);
  EXPECT_EQ(bytes, std::string(size, '\0'));
}

}  // namespace
}  // namespace signet::base
