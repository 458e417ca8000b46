#include "services/kubernetes/objects.h"

#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/kubernetes/answer.h"

namespace signet::kubernetes {
namespace {

absl::string_view KindOf(const ObjectName& name) { return name.kind == ObjectKind::kSecret ? "Secret" : "ConfigMap"; }
absl::string_view ResourceOf(const ObjectName& name) {
  return name.kind == ObjectKind::kSecret ? "secrets" : "configmaps";
}

std::string PathOf(const ObjectName& name) {
  return absl::StrCat("/api/v1/namespaces/", name.name_space, "/", ResourceOf(name), "/", name.name);
}

absl::Status Refused(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                     absl::string_view next) {
  return base::Refusal(code, reason, message, next);
}

// What any status but 200 means for a request about this object.
absl::Status FaultOf(long status, const ObjectName& name, absl::string_view verb) {
  switch (status) {
    case 403:
      return Refused(absl::StatusCode::kPermissionDenied, base::kConfiguration,
                     absl::StrCat("signetd may not ", verb, " ", ToText(name), " (403)"),
                     absl::StrCat("give signetd's service account a Role in namespace ", name.name_space,
                                  " with get and patch on ", ResourceOf(name), ", resourceNames [", name.name, "]"));
    case 404:
      return Refused(absl::StatusCode::kNotFound, base::kNotFound, absl::StrCat("there is no ", ToText(name)),
                     "make it, without data: signetd changes objects and never makes one");
    case 409:
      return absl::AbortedError(absl::StrCat(ToText(name), " was changed by somebody else meanwhile"));
    case 400:
    case 415:
    case 422:
      return Refused(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                     absl::StrCat("the Kubernetes API refuses to change ", ToText(name), " (", status, ")"),
                     "a Secret must have type Opaque, and nothing may be immutable");
    default:
      return NoAnswer(status, "", "");
  }
}

absl::Status AddValues(Json& from, bool base64, std::map<std::string, base::SecretBytes>& values) {
  if (!from.is_object()) return absl::OkStatus();
  for (auto& [key, value] : from.items()) {
    if (!value.is_string()) return ApiUnavailable("the Kubernetes API's object has data that is no text");
    // Of a Secret, this is a key: what the parser holds of it goes as soon as it was read.
    auto& text = value.get_ref<std::string&>();
    std::string bytes;
    const bool readable = !base64 || absl::Base64Unescape(text, &bytes);
    if (!base64) bytes = text;
    base::WipeString(text);
    if (!readable) return ApiUnavailable("the Kubernetes API's object has data that is no base64");
    values[key] = base::SecretBytes::Take(bytes);
  }
  return absl::OkStatus();
}

// By hand, since a JSON library would leave copies of keys behind. Base64 needs no escapes.
base::SecretBytes BodyOf(const ObjectName& name, const Change& change) {
  const auto quoted = [](const std::string& text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::vector<std::string> annotations;
  annotations.reserve(change.annotations.size());
  for (const auto& [key, value] : change.annotations) {
    annotations.push_back(absl::StrCat(quoted(key), ":", value.has_value() ? quoted(*value) : "null"));
  }
  std::string body = absl::StrCat("{\"metadata\":{\"resourceVersion\":", quoted(change.version));
  if (!annotations.empty()) absl::StrAppend(&body, ",\"annotations\":{", absl::StrJoin(annotations, ","), "}");
  body += "}";
  const auto add = [&](absl::string_view field, const std::vector<std::string>& values) {
    if (!values.empty()) absl::StrAppend(&body, ",\"", field, "\":{", absl::StrJoin(values, ","), "}");
  };
  std::vector<std::string> text;
  text.reserve(change.text.size());
  for (const auto& [key, value] : change.text) text.push_back(absl::StrCat(quoted(key), ":", quoted(value)));
  add("data", text);
  std::vector<std::string> bytes;
  bytes.reserve(change.bytes.size());
  for (const auto& [key, value] : change.bytes) {
    std::string base64 = absl::Base64Escape(value.ExposeSecret());
    bytes.push_back(absl::StrCat(quoted(key), ":\"", base64, "\""));
    base::WipeString(base64);
  }
  // One allocation for all of it, so that growing leaves no copies behind.
  std::size_t more = 64;
  for (const std::string& value : bytes) more += value.size() + 1;
  body.reserve(body.size() + more);
  if (!bytes.empty()) {
    absl::StrAppend(&body, name.kind == ObjectKind::kSecret ? ",\"data\":{" : ",\"binaryData\":{");
    for (std::size_t i = 0; i < bytes.size(); ++i) absl::StrAppend(&body, i == 0 ? "" : ",", bytes[i]);
    absl::StrAppend(&body, "}");
  }
  for (std::string& value : bytes) base::WipeString(value);
  absl::StrAppend(&body, "}");
  return base::SecretBytes::Take(body);
}

// What a parsed Secret holds.
void WipeValues(Json& object) {
  const auto data = object.find("data");
  if (data == object.end() || !data->is_object()) return;
  for (auto& [key, value] : data->items()) {
    if (value.is_string()) base::WipeString(value.get_ref<std::string&>());
  }
}

absl::StatusOr<Json> ReadNamed(HttpAnswer& answer, const ObjectName& name, absl::string_view verb) {
  const absl::Cleanup wipe = [&answer] { base::WipeString(answer.body); };
  if (answer.status != 200) return FaultOf(answer.status, name, verb);
  SIGNET_ASSIGN_OR_RETURN(Json object, ReadObject(answer, KindOf(name)));
  if (TextAt(object, {"metadata", "namespace"}) != name.name_space ||
      TextAt(object, {"metadata", "name"}) != name.name) {
    WipeValues(object);
    return ApiUnavailable(absl::StrCat("the Kubernetes API answered with another object than ", ToText(name)));
  }
  if (TextAt(object, {"metadata", "resourceVersion"}).empty()) {
    WipeValues(object);
    return ApiUnavailable(absl::StrCat("the Kubernetes API's ", ToText(name), " has no resourceVersion"));
  }
  return object;
}

}  // namespace

std::string ToText(const ObjectName& name) { return absl::StrCat(KindOf(name), " ", name.name_space, "/", name.name); }

absl::string_view Object::Value(const std::string& key) const {
  const auto found = values.find(key);
  return found == values.end() ? absl::string_view() : found->second.ExposeSecret();
}

absl::StatusOr<Object> Objects::Get(const ObjectName& name, Deadline deadline) {
  SIGNET_ASSIGN_OR_RETURN(HttpAnswer answer, client_.Send(PathOf(name), "", deadline));
  SIGNET_ASSIGN_OR_RETURN(Json read, ReadNamed(answer, name, "get"));
  Object object;
  object.version = TextAt(read, {"metadata", "resourceVersion"});
  const Json& annotations = At(read, {"metadata", "annotations"});
  if (annotations.is_object()) {
    for (const auto& [key, value] : annotations.items()) {
      if (value.is_string()) object.annotations[key] = value.get<std::string>();
    }
  }
  const bool secret = name.kind == ObjectKind::kSecret;
  absl::Status added = AddValues(read["data"], secret, object.values);
  if (!secret) added.Update(AddValues(read["binaryData"], true, object.values));
  SIGNET_RETURN_IF_ERROR(added);
  return object;
}

absl::StatusOr<std::string> Objects::Patch(const ObjectName& name, const Change& change, Deadline deadline) {
  const base::SecretBytes body = BodyOf(name, change);
  SIGNET_ASSIGN_OR_RETURN(HttpAnswer answer, client_.Patch(PathOf(name), body.ExposeSecret(), deadline));
  SIGNET_ASSIGN_OR_RETURN(Json object, ReadNamed(answer, name, "patch"));
  // The answer repeats what was written.
  WipeValues(object);
  return TextAt(object, {"metadata", "resourceVersion"});
}

}  // namespace signet::kubernetes
