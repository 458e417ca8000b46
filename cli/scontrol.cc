#include "cli/scontrol.h"

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

}  // namespace

std::optional<std::string> AskScontrol(absl::string_view path, const std::string& node, absl::Duration limit) {
  return OutputOf({FindProgram(path, "scontrol"), "show", "node", node, "--json"}, limit);
}

bool CertTokenIsSet(const std::string& scontrol_json, absl::string_view node) {
  google::protobuf::Struct document;
  if (!google::protobuf::util::JsonStringToMessage(scontrol_json, &document).ok()) return false;
  const auto nodes = document.fields().find("nodes");
  if (nodes == document.fields().end()) return false;
  for (const google::protobuf::Value& one : nodes->second.list_value().values()) {
    const auto& fields = one.struct_value().fields();
    const auto name = fields.find("name");
    if (name == fields.end() || absl::string_view(name->second.string_value()) != node) continue;
    for (const auto& [field, value] : fields) {
      if (absl::StartsWith(field, "cert") && Mentions(value)) return true;
    }
  }
  return false;
}

}  // namespace signet::cli
