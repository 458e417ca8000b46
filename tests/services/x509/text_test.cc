#include "services/x509/text.h"

#include <gtest/gtest.h>

#include <string>

namespace signet::x509 {
namespace {

TEST(Text, CountsCharactersOfUtf8) {
  EXPECT_EQ(CountUtf8(""), 0U);
  EXPECT_EQ(CountUtf8("n1"), 2U);
  EXPECT_EQ(CountUtf8("ü€😀"), 3U);
}

TEST(Text, RefusesWhatIsNotUtf8) {
  for (const char* text : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xc3(", "\xff"}) {
    EXPECT_EQ(CountUtf8(text), std::nullopt) << text;
  }
}

TEST(Text, RefusesNulAndControlCharacters) {
  for (const absl::string_view text :
       {absl::string_view("a\0b", 3), absl::string_view("\n"), absl::string_view("\x1b[2J"), absl::string_view("\x7f"),
        absl::string_view("\xc2\x85")}) {
    EXPECT_EQ(CountUtf8(text), std::nullopt);
  }
}

TEST(Text, KnowsDnsNames) {
  for (const char* name : {"n1", "N-1_a.b", "10.0.0.1"}) EXPECT_TRUE(IsDnsName(name)) << name;
  for (const char* name : {"", ".n1", "n1.", "a..b", "*.x", "n 1", "ü", "n1\n", "a/b"})
    EXPECT_FALSE(IsDnsName(name)) << name;
  EXPECT_TRUE(IsDnsName(std::string(253, 'a')));
  EXPECT_FALSE(IsDnsName(std::string(254, 'a')));
}

}  // namespace
}  // namespace signet::x509
