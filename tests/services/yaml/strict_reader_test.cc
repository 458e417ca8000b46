#include "services/yaml/strict_reader.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"

namespace signet::yaml {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Example {
  std::string cluster = "unset";
  bool on = false;
  int64_t count = 7;
  absl::Duration lifetime = absl::Hours(1);
  std::string kind = "sealed";
  std::vector<std::string> names;
  uint32_t mode = 0600;
  std::string address = "none";
};

absl::Status Read(absl::string_view text, Example* example) {
  StrictReader reader = StrictReader::FromText("x.yaml", text);
  Section root = reader.root();
  root.String("cluster", &example->cluster, {.required = true});
  root.Bool("on", &example->on);
  root.Int("count", &example->count, 1, 100);
  root.Duration("lifetime", &example->lifetime, absl::Hours(1), absl::Hours(24 * 365));
  root.Choice("kind", &example->kind, {"sealed", "pkcs11"});
  root.Strings("names", &example->names);
  root.Mode("mode", &example->mode);
  Section listen = root.Child("listen");
  listen.Child("grpc").String("address", &example->address);
  return reader.Finish();
}

std::string FaultOf(absl::string_view text) {
  Example example;
  return std::string(Read(text, &example).message());
}

TEST(StrictReader, ReadsEveryKindOfValue) {
  Example example;
  const absl::Status status = Read(
      "# comment\ncluster: alpha\non: true\ncount: 100\nlifetime: 1d12h\nkind: pkcs11\n"
      "names: [a, \"b\"]\nmode: \"0660\"\nlisten:\n  grpc: {address: \"0.0.0.0:1\"}\n",
      &example);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(example.cluster, "alpha");
  EXPECT_TRUE(example.on);
  EXPECT_EQ(example.count, 100);
  EXPECT_EQ(example.lifetime, absl::Hours(36));
  EXPECT_EQ(example.kind, "pkcs11");
  EXPECT_THAT(example.names, ElementsAre("a", "b"));
  EXPECT_EQ(example.mode, 0660u);
  EXPECT_EQ(example.address, "0.0.0.0:1");
}

TEST(StrictReader, LeavesAbsentKeysAlone) {
  Example example;
  ASSERT_TRUE(Read("cluster: alpha\nlisten:\n", &example).ok());
  EXPECT_EQ(example.count, 7);
  EXPECT_EQ(example.mode, 0600u);
  EXPECT_EQ(example.address, "none");
}

struct FaultCase {
  std::string text;
  std::string fault;
};

class Faults : public ::testing::TestWithParam<FaultCase> {};

TEST_P(Faults, NameFileLineKeyAndWhatIsAllowed) { EXPECT_EQ(FaultOf(GetParam().text), GetParam().fault); }

INSTANTIATE_TEST_SUITE_P(
    StrictReader, Faults,
    ::testing::Values(
        FaultCase{"", "x.yaml:1: cluster: missing; allowed: text that is not empty"},
        FaultCase{"cluster:\n", "x.yaml:1: cluster: no value; allowed: text that is not empty"},
        FaultCase{"cluster: ''\n", "x.yaml:1: cluster: empty; allowed: text that is not empty"},
        FaultCase{"cluster: [a]\n", "x.yaml:1: cluster: not a single value; allowed: text that is not empty"},
        FaultCase{"cluster: a\n\nconut: 1\n",
                  "x.yaml:3: conut: unknown key, did you mean count?; allowed: cluster, on, count, lifetime, kind, "
                  "names, mode, listen"},
        FaultCase{"cluster: a\nlisten:\n  grpc:\n    adress: b\n",
                  "x.yaml:4: listen.grpc.adress: unknown key, did you mean address?; allowed: address"},
        FaultCase{"cluster: a\nlisten:\n  zzzzzzzz: {adress: b}\n",
                  "x.yaml:3: listen.zzzzzzzz: unknown key; allowed: grpc"},
        FaultCase{"cluster: a\nlisten: no\n", "x.yaml:2: listen: not a mapping; allowed: keys and values"},
        FaultCase{"cluster: a\non: yes\n", "x.yaml:2: on: \"yes\" is neither true nor false; allowed: true, false"},
        FaultCase{"cluster: a\ncount: 101\n",
                  "x.yaml:2: count: 101 is out of range; allowed: a whole number from 1 to 100"},
        FaultCase{"cluster: a\ncount: \"5\"\n",
                  "x.yaml:2: count: \"5\" is not a whole number; allowed: a whole number from 1 to 100"},
        FaultCase{"cluster: a\ncount: 010\n",
                  "x.yaml:2: count: \"010\" is not a whole number; allowed: a whole number from 1 to 100"},
        FaultCase{
            "cluster: a\ncount: 99999999999999999999\n",
            "x.yaml:2: count: \"99999999999999999999\" is not a whole number; allowed: a whole number from 1 to 100"},
        FaultCase{"cluster: a\nlifetime: 30\n",
                  "x.yaml:2: lifetime: \"30\" is not a duration: a number and a unit of y d h m s ms, such as 90d or "
                  "1h30m; allowed: 1h to 1y"},
        FaultCase{"cluster: a\nlifetime: 30m\n", "x.yaml:2: lifetime: 30m is out of range; allowed: 1h to 1y"},
        FaultCase{"cluster: a\nkind: seald\n",
                  "x.yaml:2: kind: unknown value \"seald\", did you mean sealed?; allowed: sealed, pkcs11"},
        FaultCase{"cluster: a\nnames: b\n", "x.yaml:2: names: not a list; allowed: a list such as [one, two]"},
        FaultCase{"cluster: a\nnames: [b, {c: d}]\n",
                  "x.yaml:2: names[1]: not text; allowed: a list such as [one, two]"},
        FaultCase{"cluster: a\nmode: 0660\n",
                  "x.yaml:2: mode: a mode without quotes; allowed: a quoted octal number from \"0000\" to \"0777\""},
        FaultCase{"cluster: a\nmode: \"0980\"\n",
                  "x.yaml:2: mode: \"0980\" is not a mode; allowed: a quoted octal number from \"0000\" to \"0777\""},
        FaultCase{"cluster: a\nmode: \"1777\"\n",
                  "x.yaml:2: mode: \"1777\" is not a mode; allowed: a quoted octal number from \"0000\" to \"0777\""},
        FaultCase{"cluster: a\ncluster: b\n", "x.yaml:2: cluster: a duplicate key; allowed: each key once"},
        FaultCase{"cluster: &x a\n",
                  "x.yaml:1: cluster: an anchor or alias; allowed: plain values, written out each time"},
        FaultCase{"cluster: !!str a\n", "x.yaml:1: cluster: a tag; allowed: values without tags"},
        FaultCase{"cluster: a\n---\ncluster: b\n", "x.yaml:2: a second document; allowed: one document"},
        FaultCase{"cluster: a\x04\ncount: 1\n", "x.yaml:1: a control character; allowed: text, tabs and line ends"},
        FaultCase{"- a\n",
                  "x.yaml:1: the document is not a mapping; allowed: keys and values\n"
                  "x.yaml:1: cluster: missing; allowed: text that is not empty"}));

TEST(StrictReader, ReportsAllFaultsAtOnceInTheOrderOfTheFile) {
  const std::string faults = FaultOf("zz: 1\non: 2\ncount: x\n");
  EXPECT_THAT(faults, HasSubstr("x.yaml:1: zz: unknown key"));
  EXPECT_LT(faults.find("x.yaml:1: cluster: missing"), faults.find("x.yaml:2: on:"));
  EXPECT_LT(faults.find("x.yaml:2: on:"), faults.find("x.yaml:3: count:"));
}

TEST(StrictReader, RefusesWhatIsNoYamlWithItsLine) {
  EXPECT_THAT(FaultOf("cluster: a\nnames: [a\n"), HasSubstr(": not YAML: "));
  EXPECT_THAT(FaultOf("cluster: a\n\tx: b\n"), HasSubstr("x.yaml:"));
}

TEST(StrictReader, RefusesAKeyThatIsNoWord) {
  EXPECT_THAT(FaultOf("cluster: a\n? [x, y]\n: b\n"), HasSubstr("a key that is not a word"));
}

TEST(StrictReader, RefusesAliases) {
  EXPECT_THAT(FaultOf("cluster: &x a\nkind: *x\n"),
              AllOf(HasSubstr("x.yaml:1: cluster: an anchor"), HasSubstr("x.yaml:2: kind: an anchor")));
}

TEST(StrictReader, ComesToAnEndWhereACommaBegins) {
  EXPECT_THAT(FaultOf(",i)"), HasSubstr("a second document"));
  EXPECT_THAT(FaultOf(",\ncluster: a\n"), HasSubstr("a second document"));
}

TEST(StrictReader, BoundsDepthAndSize) {
  EXPECT_THAT(FaultOf("cluster: a\nnames: " + std::string(40, '[') + std::string(40, ']') + "\n"),
              HasSubstr("nested too deeply; allowed: at most 16 levels"));
  EXPECT_THAT(FaultOf("cluster: a\nnames: " + std::string(100000, '[') + "\n"), HasSubstr("x.yaml:2"));
  EXPECT_THAT(FaultOf("cluster: " + std::string((1 << 20) + 1, 'a')), HasSubstr("at most 1048576"));
}

TEST(StrictReader, FaultsCarryTheReasonForPrograms) {
  Example example;
  const absl::Status status = Read("", &example);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(status), base::kConfiguration);
}

TEST(StrictReader, RecordsTheCallersOwnFaults) {
  StrictReader reader = StrictReader::FromText("x.yaml", "a:\n  b: c\n");
  Section a = reader.root().Child("a");
  std::string value;
  a.String("b", &value);
  a.Fault("b", "not an address", "host:port");
  EXPECT_EQ(reader.Finish().message(), "x.yaml:2: a.b: not an address; allowed: host:port");
}

TEST(StrictReader, ReadsAMappingWhoseKeysAreFree) {
  StrictReader reader = StrictReader::FromText("x.yaml", "map:\n  b/c: one\n  a: two\n  d: three\nlist: [a]\n");
  Section map = reader.root().Child("map");
  ASSERT_EQ(map.Keys(), (std::vector<std::string>{"b/c", "a", "d"}));
  std::string value;
  map.String("b/c", &value);
  EXPECT_EQ(value, "one");
  map.Choice("a", &value, {"one"});
  EXPECT_TRUE(reader.root().Child("list").Keys().empty());
  EXPECT_TRUE(reader.root().Child("absent").Keys().empty());
  const std::string faults(reader.Finish().message());
  EXPECT_THAT(faults, HasSubstr("x.yaml:3: map.a: unknown value"));
  // What nobody read is unknown all the same.
  EXPECT_THAT(faults, HasSubstr("x.yaml:4: map.d: unknown key"));
}

TEST(ParseDuration, ReadsEachUnit) {
  const std::vector<std::pair<std::string, absl::Duration>> cases = {{"10y", absl::Hours(10 * 365 * 24)},
                                                                     {"90d", absl::Hours(90 * 24)},
                                                                     {"12h", absl::Hours(12)},
                                                                     {"5m", absl::Minutes(5)},
                                                                     {"30s", absl::Seconds(30)},
                                                                     {"250ms", absl::Milliseconds(250)},
                                                                     {"1h30m", absl::Minutes(90)}};
  for (const auto& [text, expected] : cases) {
    absl::Duration duration;
    EXPECT_TRUE(yaml::ParseDuration(text, &duration).ok()) << text;
    EXPECT_EQ(duration, expected) << text;
  }
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const std::string text : {"", "5", "d", "-1d", "1.5h", "1 h", "1w", "1H", "9999999999y", "1h30", " 1h"}) {
    absl::Duration duration = absl::Seconds(1);
    EXPECT_FALSE(yaml::ParseDuration(text, &duration).ok()) << text;
    EXPECT_EQ(duration, absl::Seconds(1)) << text;
  }
}

}  // namespace
}  // namespace signet::yaml
