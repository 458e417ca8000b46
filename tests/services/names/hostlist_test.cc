#include "services/names/hostlist.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::names {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> Expand(absl::string_view expression) {
  const auto names = ExpandHostlist(expression);
  EXPECT_TRUE(names.ok()) << names.status();
  return names.value_or(std::vector<std::string>());
}

void ExpectRefused(absl::string_view expression, absl::string_view problem) {
  const auto names = ExpandHostlist(expression, 1000);
  ASSERT_FALSE(names.ok()) << expression;
  EXPECT_EQ(names.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(names.status()), base::kMalformed);
  EXPECT_THAT(std::string(names.status().message()), HasSubstr(std::string(problem))) << expression;
}

TEST(Hostlist, ExpandsSlurmsForms) {
  EXPECT_THAT(Expand("login1"), ElementsAre("login1"));
  EXPECT_THAT(Expand("n2,n1,login-1.x"), ElementsAre("n2", "n1", "login-1.x"));
  EXPECT_THAT(Expand("n[1-3,7]"), ElementsAre("n1", "n2", "n3", "n7"));
  EXPECT_THAT(Expand("n[5],n[08-11]x"), ElementsAre("n5", "n08x", "n09x", "n10x", "n11x"));
  EXPECT_THAT(Expand("n[9-11]"), ElementsAre("n9", "n10", "n11"));
  EXPECT_THAT(Expand("n[0-1]"), ElementsAre("n0", "n1"));
  EXPECT_THAT(Expand("[1-2]n"), ElementsAre("1n", "2n"));
}

TEST(Hostlist, KeepsTheWidthOfLeadingZeros) {
  const auto names = Expand("n[001-128]");
  ASSERT_THAT(names, SizeIs(128));
  EXPECT_EQ(names.front(), "n001");
  EXPECT_EQ(names.back(), "n128");
}

TEST(Hostlist, MultipliesGroupsWithTheLastRunningFastest) {
  const auto names = Expand("r[1-2]c[01-10]");
  ASSERT_THAT(names, SizeIs(20));
  EXPECT_EQ(names[0], "r1c01");
  EXPECT_EQ(names[1], "r1c02");
  EXPECT_EQ(names[10], "r2c01");
  EXPECT_EQ(names[19], "r2c10");
}

TEST(Hostlist, RemovesDuplicatesKeepingTheFirst) { EXPECT_THAT(Expand("n2,n[1-3],n2"), ElementsAre("n2", "n1", "n3")); }

TEST(Hostlist, RefusesUnbalancedOrEmptyBrackets) {
  ExpectRefused("n[1-2", "unbalanced");
  ExpectRefused("n1-2]", "unbalanced");
  ExpectRefused("n[[1-2]]", "unbalanced");
  ExpectRefused("n[1-2]]", "unbalanced");
  ExpectRefused("n[]", "empty brackets");
}

TEST(Hostlist, RefusesWhatIsNoRange) {
  ExpectRefused("n[3-1]", "3-1 runs backwards");
  for (const char* group : {"a", "1-", "-1", "1--2", "1-2-3", "1,", ",1", " 1", "1,,2", "+1", "0x1", "12345678901"}) {
    ExpectRefused(absl::StrCat("n[", group, "]"), "brackets must hold numbers");
  }
}

TEST(Hostlist, RefusesEmptyNames) {
  ExpectRefused("", "empty");
  ExpectRefused(",", "empty name between commas");
  ExpectRefused("n1,", "empty name between commas");
  ExpectRefused("n1,,n2", "empty name between commas");
}

TEST(Hostlist, RefusesWhatIsNoNodeName) {
  ExpectRefused("n1, n2", "only letters");
  ExpectRefused("n1,slurmctld", "slurmctld is the name of a service");
  ExpectRefused(".n[1-2]", "must begin and end");
  ExpectRefused(std::string(65, 'n'), "more than 64 characters");
}

TEST(Hostlist, CountsBeforeItMakesNames) {
  EXPECT_TRUE(ExpandHostlist("n[1-1000]", 1000).ok());
  ExpectRefused("n[1-1001]", "more than 1000 names");
  ExpectRefused("n[0-9999999999]", "more than 1000 names");
  ExpectRefused("n[1-999],m[1-2]", "more than 1000 names");
  ExpectRefused("a[1-100]b[1-100]", "more than 1000 names");
  std::string power;
  for (int i = 0; i < 30; ++i) power += "[0-9999999999]";
  ExpectRefused(power, "more than 1000 names");
}

TEST(Hostlist, CompressesAsScontrolPrints) {
  EXPECT_EQ(CompressHostlist({"n1", "n2", "n4"}), "n[1-2,4]");
  EXPECT_EQ(CompressHostlist({"n4", "n1", "n2", "n1"}), "n[1-2,4]");
  EXPECT_EQ(CompressHostlist({"n10", "n9"}), "n[9-10]");
  EXPECT_EQ(CompressHostlist({"n100", "n099", "n001"}), "n[001,099-100]");
  EXPECT_EQ(CompressHostlist({"n1"}), "n1");
  EXPECT_EQ(CompressHostlist({"n01"}), "n01");
  EXPECT_EQ(CompressHostlist({"login", "n2", "a1"}), "a1,login,n2");
  EXPECT_EQ(CompressHostlist({"r1c01", "r1c02", "r2c01"}), "r1c[01-02],r2c01");
  EXPECT_EQ(CompressHostlist({"n1.x", "n2.x", "n1.y"}), "n[1-2].x,n1.y");
  EXPECT_EQ(CompressHostlist({"n10", "n"}), "n,n10");
  EXPECT_EQ(CompressHostlist({}), "");
}

TEST(Hostlist, ExpandsWhatItCompressed) {
  for (const char* expression :
       {"n[001-128]", "n[1-3,7]", "r[1-2]c[01-10]", "n9,n09,n10,n010,n100", "n12345678901,n12345678902", "0,00,000"}) {
    auto names = Expand(expression);
    auto again = Expand(CompressHostlist(names));
    std::sort(names.begin(), names.end());
    std::sort(again.begin(), again.end());
    EXPECT_EQ(again, names) << expression;
  }
}

}  // namespace
}  // namespace signet::names
