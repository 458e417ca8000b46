#include "tests/testing/manifests.h"

#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/testing/must.h"
#include "yaml-cpp/yaml.h"

namespace signet::testing {
namespace {

using Json = nlohmann::json;

void Require(bool holds, const std::string& otherwise) {
  if (!holds) Must(absl::InvalidArgumentError(otherwise));
}

Json FromScalar(const YAML::Node& node) {
  const std::string text = node.Scalar();
  // "!" is what yaml-cpp calls a quoted one.
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "false") return text == "true";
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return text;
}

Json FromYaml(const YAML::Node& node) {
  if (node.IsScalar()) return FromScalar(node);
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& one : node) list.push_back(FromYaml(one));
    return list;
  }
  if (!node.IsMap()) return nullptr;
  Json object = Json::object();
  for (const auto& entry : node) object[entry.first.Scalar()] = FromYaml(entry.second);
  return object;
}

std::string Shown(const Json& object) {
  const Json metadata = object.value("metadata", Json::object());
  return absl::StrCat(object.value("kind", "?"), " ", metadata.value("namespace", ""), "/", metadata.value("name", ""));
}

// The rules that a binding refers to.
Json RulesOf(const std::vector<Json>& manifests, const Json& binding) {
  const Json role = binding.at("roleRef");
  const std::string kind = role.at("kind");
  const bool cluster_wide = kind == "ClusterRole";
  Require(role.value("apiGroup", "") == "rbac.authorization.k8s.io", Shown(binding) + ": roleRef has a wrong apiGroup");
  for (const Json& object : manifests) {
    if (object.value("kind", "") != kind || object.at("metadata").at("name") != role.at("name")) continue;
    const bool here = object.at("metadata").value("namespace", "") == binding.at("metadata").value("namespace", "");
    if (cluster_wide || here) return object.value("rules", Json::array());
  }
  Require(false, absl::StrCat(Shown(binding), " refers to a role that is not there: ", role.at("name").dump()));
  return nullptr;
}

void AddRule(const Json& rule, const std::string& service_account, const std::string& name_space,
             std::vector<Right>& rights) {
  Json names = rule.value("resourceNames", Json::array());
  if (names.empty()) names.push_back("");
  for (const Json& verb : rule.at("verbs")) {
    const bool limited = verb != "create" && verb != "deletecollection";
    Require(limited || names.front() == "", "resourceNames do not limit " + verb.get<std::string>());
    for (const Json& group : rule.at("apiGroups")) {
      for (const Json& resource : rule.at("resources")) {
        for (const Json& name : names) rights.push_back({service_account, verb, group, resource, name_space, name});
      }
    }
  }
}

bool Fits(const std::string& granted, const std::string& asked) { return granted == "*" || granted == asked; }

}  // namespace

std::vector<Json> ReadManifests(const std::string& text) {
  std::vector<Json> manifests;
  for (const YAML::Node& document : YAML::LoadAll(text)) {
    if (document.IsMap()) manifests.push_back(FromYaml(document));
  }
  return manifests;
}

std::string YamlOfMarkdown(const std::string& text) {
  std::string yaml;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (absl::StripPrefix(line, "```") != line) {
      inside = !inside && line == "```yaml";
      yaml += "---\n";
    } else if (inside) {
      absl::StrAppend(&yaml, line, "\n");
    }
  }
  return yaml;
}

bool Covers(const Right& right, const Right& asked) {
  return right.service_account == asked.service_account && Fits(right.verb, asked.verb) &&
         Fits(right.group, asked.group) && Fits(right.resource, asked.resource) &&
         (right.name_space.empty() || right.name_space == asked.name_space) &&
         (right.name.empty() || right.name == asked.name);
}

std::string ToText(const Right& right) {
  return absl::StrCat(right.service_account, ": ", right.verb, " ", right.group, right.group.empty() ? "" : "/",
                      right.resource, right.name.empty() ? "" : " ", right.name,
                      right.name_space.empty() ? " everywhere" : " in ", right.name_space);
}

std::vector<Right> RightsOf(const std::vector<Json>& manifests) {
  std::vector<Right> rights;
  for (const Json& binding : manifests) {
    const std::string kind = binding.value("kind", "");
    if (kind != "RoleBinding" && kind != "ClusterRoleBinding") continue;
    const std::string name_space = binding.at("metadata").value("namespace", "");
    Require(name_space.empty() == (kind == "ClusterRoleBinding"), Shown(binding) + ": its namespace is wrong");
    const Json rules = RulesOf(manifests, binding);
    for (const Json& subject : binding.at("subjects")) {
      if (subject.at("kind") != "ServiceAccount") continue;
      Require(!subject.value("namespace", "").empty(), Shown(binding) + ": a subject has no namespace");
      const std::string account =
          absl::StrCat(subject.at("namespace").get<std::string>(), "/", subject.at("name").get<std::string>());
      for (const Json& rule : rules) AddRule(rule, account, name_space, rights);
    }
  }
  return rights;
}

}  // namespace signet::testing
