// Answers for programs: JSON and YAML with the field names of proto/.
#ifndef SIGNET_CLI_STRUCTURED_H_
#define SIGNET_CLI_STRUCTURED_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace signet::cli {

// Protobuf's JSON mapping with the proto's own field names, every field present, indented, with a final newline.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);
// The same on one line.
absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message);
// The same document as YAML; strings are quoted, so that no reader takes "0123" for a number.
absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message);

}  // namespace signet::cli

#endif  // SIGNET_CLI_STRUCTURED_H_
