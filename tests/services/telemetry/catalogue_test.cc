#include "services/telemetry/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/telemetry/labels.h"
#include "services/telemetry/metrics.h"
#include "services/telemetry/metrics_page.h"
#include "tests/testing/paths.h"

namespace signet::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Pair;
using ::testing::UnorderedElementsAreArray;

std::string ReadSource(const std::string& path) {
  std::ifstream file(absl::StrCat(SIGNET_SOURCE_DIR, "/", path), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex); match != std::sregex_iterator(); ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

std::string TypeOf(MetricType type) {
  return type == MetricType::kCounter ? "counter" : type == MetricType::kGauge ? "gauge" : "histogram";
}

// Does everything once that can be counted or shown.
std::string TextWithEverything() {
  Metrics metrics;
  metrics.CountRpc("CertAuthority.GetStatus", "OK", absl::ZeroDuration());
  metrics.CountWrite(absl::OkStatus(), absl::ZeroDuration());
  metrics.CountPublish("bundle", "ok");
  metrics.SetVersion("0.1.0");
  Gauges gauges;
  for (const Family* const family : kCatalogue) {
    // The others are the board's own.
    if (family->type != MetricType::kGauge || family == &metric::kBuild || family == &metric::kProcessStart ||
        family == &metric::kOpenFiles || family == &metric::kMostFiles || family == &metric::kStoreWriteOk ||
        family == &metric::kPublishAge) {
      continue;
    }
    gauges.Set(*family, {}, 1);
  }
  metrics.Show(GaugeGroup::kInventory, gauges);
  return metrics.Text();
}

TEST(Catalogue, IsWhatTheRegistryShows) {
  const std::string text = TextWithEverything();
  std::map<std::string, std::string> shown;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "# TYPE ")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    EXPECT_TRUE(shown.emplace(words[2], words[3]).second) << words[2] << " is shown twice";
  }
  std::map<std::string, std::string> listed;
  for (const Family* const family : kCatalogue) {
    EXPECT_TRUE(listed.emplace(family->name, TypeOf(family->type)).second) << family->name << " is listed twice";
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("# HELP ", family->name, " ", family->help, "\n")))
        << family->name;
  }
  EXPECT_EQ(shown, listed);
}

TEST(Catalogue, ListsEveryMetricOfItsHeader) {
  const std::string header = ReadSource("services/telemetry/catalogue.h");
  std::set<std::string> listed;
  for (const Family* const family : kCatalogue) listed.insert(family->name);
  EXPECT_EQ(Matches(header, R"(\"(signet_[a-z_]+)\")"), listed);
}

TEST(Catalogue, NamesFollowPrometheusConventions) {
  for (const Family* const family : kCatalogue) {
    const std::string name = family->name;
    EXPECT_TRUE(std::regex_match(name, std::regex("signet_[a-z]+(_[a-z]+)*"))) << name;
    EXPECT_EQ(absl::EndsWith(name, "_total"), family->type == MetricType::kCounter) << name;
    for (const absl::string_view unit : {"seconds", "bytes"}) {
      EXPECT_TRUE(family->unit != unit || absl::EndsWith(name, absl::StrCat("_", unit))) << name;
    }
    for (const Label& label : family->labels) {
      if (label.name == nullptr) continue;
      EXPECT_NE(label.values == nullptr, label.open == nullptr) << name << "/" << label.name;
    }
  }
}

TEST(Catalogue, KnowsEveryReason) {
  const std::set<std::string> reasons =
      Matches(ReadSource("services/base/reason.h"), R"(char k[A-Za-z]+\[\] = \"([A-Z_]+)\";)");
  ASSERT_GT(reasons.size(), 30u);
  const std::vector<std::string> known = absl::StrSplit(SIGNET_REASONS, ',');
  EXPECT_THAT(known, UnorderedElementsAreArray(reasons));
  const std::vector<std::string> faults = absl::StrSplit(SIGNET_FAULT_REASONS, ',');
  EXPECT_THAT(faults, IsSubsetOf(known));
}

TEST(Catalogue, IsTheDocumentation) {
  EXPECT_EQ(ReadSource("docs/metrics.md"), MetricsPage()) << "type: signetd --print-metrics > docs/metrics.md";
}

TEST(LabelValues, KeepsEachLabelToItsList) {
  LabelValues labels;
  EXPECT_THAT(labels.Admit(metric::kTokens, {"boot", "live"}),
              ElementsAre(Pair("kind", "boot"), Pair("state", "live")));
  EXPECT_THAT(labels.Admit(metric::kTokens, {"boo", "boot,reusable"}),
              ElementsAre(Pair("kind", "other"), Pair("state", "other")));
  EXPECT_THAT(labels.Admit(metric::kTokens, {"lab"}), ElementsAre(Pair("kind", "lab"), Pair("state", "other")));
  EXPECT_THAT(labels.Admit(metric::kStoreOk, {"surplus"}), ElementsAre());
}

TEST(LabelValues, BoundsALabelWithoutAList) {
  LabelValues labels;
  for (int i = 0; i < kMostOpenValues; ++i) {
    const std::string version = absl::StrCat("1.", i);
    EXPECT_THAT(labels.Admit(metric::kNodesByAdapter, {version}), ElementsAre(Pair("version", version)));
  }
  EXPECT_THAT(labels.Admit(metric::kNodesByAdapter, {"2.0"}), ElementsAre(Pair("version", "other")));
  EXPECT_THAT(labels.Admit(metric::kNodesByAdapter, {"1.7"}), ElementsAre(Pair("version", "1.7")));
  EXPECT_THAT(labels.Admit(metric::kBuild, {"2.0"}), ElementsAre(Pair("version", "2.0"))) << "another metric's";
  EXPECT_THAT(labels.Admit(metric::kBuild, {"1 0\n"}), ElementsAre(Pair("version", "other")));
}

}  // namespace
}  // namespace signet::telemetry
