#include "services/evidence/strict_message.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"

namespace signet::evidence {
namespace {

bool HasUnknownFields(const google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  return std::any_of(fields.begin(), fields.end(), [&](const google::protobuf::FieldDescriptor* field) {
    return field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE &&
           HasUnknownFields(reflection.GetMessage(message, field));
  });
}

bool InAlphabet(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }

}  // namespace

absl::Status Malformed(absl::string_view what, absl::string_view why) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat(what, ": ", why));
}

absl::Status ParseStrictly(absl::string_view bytes, absl::string_view what, google::protobuf::Message& message) {
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed(what, "not a protobuf message of this kind");
  }
  if (HasUnknownFields(message)) return Malformed(what, "has a field that this version does not know");
  std::string canonical = message.SerializeAsString();
  const bool same = absl::string_view(canonical) == bytes;
  base::WipeString(canonical);  // a token file holds a private key
  if (!same) return Malformed(what, "not in canonical encoding");
  return absl::OkStatus();
}

absl::StatusOr<std::string> DecodeBase64Url(absl::string_view text, absl::string_view what) {
  std::string decoded;
  if (!std::all_of(text.begin(), text.end(), InAlphabet) || !absl::WebSafeBase64Unescape(text, &decoded)) {
    return Malformed(what, "not base64url without padding");
  }
  std::string again = absl::WebSafeBase64Escape(decoded);
  const bool same = absl::string_view(again) == text;
  base::WipeString(again);
  if (same) return decoded;
  base::WipeString(decoded);
  return Malformed(what, "not canonical base64url");
}

absl::Status CheckCluster(absl::string_view cluster) {
  const bool good = !cluster.empty() && cluster.size() <= 64 && std::all_of(cluster.begin(), cluster.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  return good ? absl::OkStatus() : Malformed("cluster", "must have 1 to 64 characters of [A-Za-z0-9._-]");
}

}  // namespace signet::evidence
