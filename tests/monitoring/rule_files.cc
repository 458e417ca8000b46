#include "tests/monitoring/rule_files.h"

#include <regex>

#include "absl/strings/str_cat.h"
#include "services/telemetry/catalogue.h"
#include "tests/contract/test_cluster.h"
#include "tests/testing/paths.h"

namespace signet::monitoring {

std::string SourcePath(const std::string& path) { return absl::StrCat(SIGNET_SOURCE_DIR, "/", path); }
std::string Source(const std::string& path) { return contract::ReadAll(SourcePath(path)); }

std::vector<Alert> Alerts() {
  std::vector<Alert> alerts;
  const YAML::Node file = YAML::Load(Source("helm/signet/files/alerts.yaml"));
  for (const YAML::Node& group : file["groups"]) {
    for (const YAML::Node& rule : group["rules"]) {
      alerts.push_back({rule["alert"].as<std::string>(), rule["expr"].as<std::string>(),
                        rule["labels"]["severity"].as<std::string>(), rule["annotations"]});
    }
  }
  return alerts;
}

std::vector<Panel> Panels() {
  std::vector<Panel> panels;
  const nlohmann::json dashboard = nlohmann::json::parse(Source("helm/signet/files/dashboard.json"));
  for (const nlohmann::json& each : dashboard["panels"]) {
    if (each["type"] == "row") continue;
    Panel panel{each["title"], each["description"], {}};
    for (const nlohmann::json& target : each["targets"]) panel.expressions.push_back(target["expr"]);
    panels.push_back(std::move(panel));
  }
  return panels;
}

std::set<std::string> UnknownMetrics(const std::string& expression) {
  std::set<std::string> known;
  for (const telemetry::Family* const family : telemetry::kCatalogue) {
    if (family->type != telemetry::MetricType::kHistogram) {
      known.insert(family->name);
      continue;
    }
    for (const char* series : {"_bucket", "_sum", "_count"}) known.insert(absl::StrCat(family->name, series));
  }
  std::set<std::string> unknown;
  static const std::regex name("signet_[a-z_]+");
  for (std::sregex_iterator hit(expression.begin(), expression.end(), name); hit != std::sregex_iterator(); ++hit) {
    if (known.count(hit->str()) == 0) unknown.insert(hit->str());
  }
  return unknown;
}

}  // namespace signet::monitoring
