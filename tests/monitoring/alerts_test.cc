#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/slurm_harness.h"
#include "tests/monitoring/rule_files.h"

namespace signet::monitoring {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kTests[] = "tests/monitoring/alerts_test.yaml";

// The sections of a page: what is behind each heading, by its anchor.
std::map<std::string, std::string> Sections(const std::string& page) {
  std::map<std::string, std::string> sections;
  std::string anchor;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("## ", 0) == 0 || line.rfind("### ", 0) == 0) {
      anchor = absl::AsciiStrToLower(line.substr(line.find(' ') + 1));
      std::replace(anchor.begin(), anchor.end(), ' ', '-');
      sections[anchor];
    } else {
      absl::StrAppend(&sections[anchor], line, "\n");
    }
  }
  return sections;
}

contract::ScriptResult Promtool(const std::vector<std::string>& args) {
  contract::ScriptCall call;
  call.path = "/usr/bin/promtool";
  call.args = args;
  call.limit = std::chrono::seconds(120);
  return contract::RunScript(call);
}

TEST(Alerts, PassTheirTestsInPromtool) {
  const contract::ScriptResult rules = Promtool({"check", "rules", SourcePath("helm/signet/files/alerts.yaml")});
  EXPECT_TRUE(rules.exited_zero()) << rules.Describe();
  const contract::ScriptResult tests = Promtool({"test", "rules", SourcePath(kTests)});
  EXPECT_TRUE(tests.exited_zero()) << tests.Describe();
  EXPECT_THAT(tests.output, HasSubstr("SUCCESS"));
}

TEST(Alerts, EachHasATestInWhichItFiresAndOneInWhichItIsSilent) {
  std::set<std::string> firing;
  std::map<std::string, int> silent;
  std::set<std::string> healthy;
  const YAML::Node file = YAML::Load(Source(kTests));
  for (const YAML::Node& test : file["tests"]) {
    for (const YAML::Node& rule : test["alert_rule_test"]) {
      const auto name = rule["alertname"].as<std::string>();
      if (rule["exp_alerts"].size() > 0) {
        firing.insert(name);
      } else if (test["name"].as<std::string>() == "a healthy cluster") {
        healthy.insert(name);
      } else {
        // In the series in which it then fires: silent for its own reason, not for want of data.
        EXPECT_EQ(test["name"].as<std::string>(), name);
        ++silent[name];
      }
    }
  }
  std::set<std::string> names;
  for (const Alert& alert : Alerts()) {
    EXPECT_TRUE(names.insert(alert.name).second) << alert.name << " is there twice";
    EXPECT_EQ(firing.count(alert.name), 1u) << alert.name << " fires in no test";
    EXPECT_EQ(silent[alert.name], 1) << alert.name << " is silent in no test of its own";
  }
  EXPECT_GE(names.size(), 20u);
  EXPECT_EQ(healthy, names);
  EXPECT_EQ(firing, names) << "a test of an alert that is not there";
}

TEST(Alerts, EachSaysWhatItIsAndWhatToType) {
  const std::map<std::string, std::string> runbooks = Sections(Source("docs/runbooks.md"));
  std::set<std::string> linked;
  for (const Alert& alert : Alerts()) {
    EXPECT_THAT(alert.severity, AnyOf("critical", "warning")) << alert.name;
    for (const char* field : {"summary", "description", "next", "runbook"}) {
      ASSERT_TRUE(alert.annotations[field]) << alert.name << " has no " << field;
      EXPECT_FALSE(alert.annotations[field].as<std::string>().empty()) << alert.name << ": " << field;
    }
    const std::string anchor = absl::AsciiStrToLower(alert.name);
    EXPECT_EQ(alert.annotations["runbook"].as<std::string>(), "docs/runbooks.md#" + anchor);
    ASSERT_EQ(runbooks.count(anchor), 1u) << "docs/runbooks.md has no section for " << alert.name;
    EXPECT_THAT(runbooks.at(anchor), HasSubstr("```console\n# ")) << alert.name << ": nothing to type";
    linked.insert(anchor);
  }
  for (const auto& [anchor, text] : runbooks) {
    if (anchor.rfind("signet", 0) == 0 && anchor.find('-') == std::string::npos) {
      EXPECT_EQ(linked.count(anchor), 1u) << "docs/runbooks.md#" << anchor << " is for no alert";
    }
  }
}

TEST(Alerts, TellNobodyToTypeACommandThatDoesNotExist) {
  const std::string commands = Source("cli/commands/commands.cc");
  static const std::regex typed("signetctl ([a-z-]+) ([a-z-]+)");
  int found = 0;
  for (const Alert& alert : Alerts()) {
    const auto next = alert.annotations["next"].as<std::string>();
    for (std::sregex_iterator hit(next.begin(), next.end(), typed); hit != std::sregex_iterator(); ++hit) {
      ++found;
      const std::string row = absl::StrCat("{\"", hit->str(1), "\", \"", hit->str(2), "\"");
      EXPECT_THAT(commands, HasSubstr(row)) << alert.name;
    }
  }
  EXPECT_GT(found, 5);
}

TEST(Alerts, UseMetricsThatExist) {
  for (const Alert& alert : Alerts()) {
    EXPECT_THAT(UnknownMetrics(alert.expression), IsEmpty()) << alert.name;
    EXPECT_THAT(alert.expression, HasSubstr("signet_")) << alert.name;
  }
  EXPECT_THAT(UnknownMetrics("rate(signet_rpc_seconds[5m]) + signet_nodes"), Contains("signet_rpc_seconds"));
}

}  // namespace
}  // namespace signet::monitoring
