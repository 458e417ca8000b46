// Kubernetes manifests as `helm template` prints them, and the rights that their roles give.
#ifndef SIGNET_TESTS_TESTING_MANIFESTS_H_
#define SIGNET_TESTS_TESTING_MANIFESTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace signet::testing {

// Every YAML document of `text` that is a mapping, as JSON. Ends the program at text that is no YAML.
std::vector<nlohmann::json> ReadManifests(const std::string& text);
// What stands between ```yaml fences, as one text of several documents.
std::string YamlOfMarkdown(const std::string& text);

// One combination that a rule allows, bound to a service account. "*" is any.
struct Right {
  std::string service_account;  // "namespace/name"
  std::string verb;
  std::string group;  // "" for the core group
  std::string resource;
  std::string name_space;  // empty: cluster-wide
  std::string name = "";   // of one object; empty: of all
};
bool Covers(const Right& right, const Right& asked);
std::string ToText(const Right& right);

// What RoleBindings and ClusterRoleBindings among `manifests` give to service accounts, by the Roles and ClusterRoles
// beside them. Ends the program at what the API server would refuse or silently not apply: an unknown role, a
// namespaced object without namespace, a subject without namespace, resourceNames with a verb that they cannot limit
// (create, deletecollection).
std::vector<Right> RightsOf(const std::vector<nlohmann::json>& manifests);

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_MANIFESTS_H_
