// The files that the chart ships for monitoring, read as a test needs them.
#ifndef SIGNET_TESTS_MONITORING_RULE_FILES_H_
#define SIGNET_TESTS_MONITORING_RULE_FILES_H_

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace signet::monitoring {

std::string SourcePath(const std::string& path);
// The content of a file of the source tree.
std::string Source(const std::string& path);

struct Alert {
  std::string name;
  std::string expression;
  std::string severity;
  YAML::Node annotations;
};
// Of helm/signet/files/alerts.yaml.
std::vector<Alert> Alerts();

struct Panel {
  std::string title;
  std::string description;
  std::vector<std::string> expressions;
};
// Of helm/signet/files/dashboard.json, rows left out.
std::vector<Panel> Panels();

// Names of Signet's own metrics in an expression that are not in the catalogue; a histogram's series count as it.
std::set<std::string> UnknownMetrics(const std::string& expression);

}  // namespace signet::monitoring

#endif  // SIGNET_TESTS_MONITORING_RULE_FILES_H_
