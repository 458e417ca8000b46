#include "cli/structured.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "services/base/status_macros.h"
#include "yaml-cpp/yaml.h"

namespace signet::cli {
namespace {

absl::StatusOr<std::string> Print(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = indented;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError(absl::StrCat("answer has no JSON form: ", status.ToString()));
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

void Emit(const YAML::Node& node, YAML::Emitter& out) {
  if (node.IsMap()) {
    if (node.size() == 0) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& entry : node) {
      out << YAML::Key << entry.first.Scalar() << YAML::Value;
      Emit(entry.second, out);
    }
    out << YAML::EndMap;
  } else if (node.IsSequence()) {
    if (node.size() == 0) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const YAML::Node& entry : node) Emit(entry, out);
    out << YAML::EndSeq;
  } else if (node.IsNull()) {
    out << YAML::Null;
  } else if (node.Tag() == "!") {  // it was quoted in the JSON
    out << YAML::DoubleQuoted << node.Scalar();
  } else {
    out << node.Scalar();
  }
}

}  // namespace

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) { return Print(message, true); }

absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message) { return Print(message, false); }

absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message) {
  SIGNET_ASSIGN_OR_RETURN(const std::string json, Print(message, false));
  try {
    YAML::Emitter out;
    Emit(YAML::Load(json), out);  // JSON is YAML
    return absl::StrCat(out.c_str(), "\n");
  } catch (const YAML::Exception& error) {
    return absl::InternalError(absl::StrCat("answer has no YAML form: ", error.what()));
  }
}

}  // namespace signet::cli
