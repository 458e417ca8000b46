#include "cli/scontrol.h"

#include <vector>

#include "absl/strings/match.h"
#include "cli/child.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace signet::cli {
namespace {

constexpr char kTokenSet[] = "TOKEN_SET";

bool Mentions(const google::protobuf::Value& value) {
  if (value.kind_case() == google::protobuf::Value::kStringValue) return value.string_value() == kTokenSet;
  for (const google::protobuf::Value& one : value.list_value().values()) {
    if (Mentions(one)) return true;
  }
  return false;
}

// The answer's "nodes"; none when it is in no known form.
std::vector<google::protobuf::Struct> NodesIn(const std::string& scontrol_json) {
  std::vector<google::protobuf::Struct> nodes;
  google::protobuf::Struct document;
  if (!google::protobuf::util::JsonStringToMessage(scontrol_json, &document).ok()) return nodes;
  const auto found = document.fields().find("nodes");
  if (found == document.fields().end()) return nodes;
  for (const google::protobuf::Value& one : found->second.list_value().values()) nodes.push_back(one.struct_value());
  return nodes;
}

// Null (protobuf's default) when there is no such field.
google::protobuf::Value FieldOf(const google::protobuf::Struct& node, const char* name) {
  const auto found = node.fields().find(name);
  return found == node.fields().end() ? google::protobuf::Value() : found->second;
}

}  // namespace

std::optional<std::string> AskScontrol(absl::string_view path, const std::string& node, absl::Duration limit) {
  return OutputOf({FindProgram(path, "scontrol"), "show", "node", node, "--json"}, limit);
}

bool CertTokenIsSet(const std::string& scontrol_json, absl::string_view node) {
  for (const google::protobuf::Struct& one : NodesIn(scontrol_json)) {
    if (absl::string_view(FieldOf(one, "name").string_value()) != node) continue;
    for (const auto& [field, value] : one.fields()) {
      if (absl::StartsWith(field, "cert") && Mentions(value)) return true;
    }
  }
  return false;
}

std::map<std::string, NodeAddress> AddressesOf(const std::string& scontrol_json) {
  std::map<std::string, NodeAddress> addresses;
  for (const google::protobuf::Struct& one : NodesIn(scontrol_json)) {
    const std::string name = FieldOf(one, "name").string_value();
    const std::string address = FieldOf(one, "address").string_value();
    const double port = FieldOf(one, "port").number_value();
    if (name.empty() || address.empty() || !(port >= 1 && port <= 65535)) continue;
    addresses[name] = {address, static_cast<uint16_t>(port)};
  }
  return addresses;
}

}  // namespace signet::cli
