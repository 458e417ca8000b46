// ConfigMaps and Secrets.
#include <httplib.h>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/must.h"

namespace signet::testing {
namespace {

using Json = nlohmann::json;

std::string PathOf(const std::string& kind, const std::string& name_space, const std::string& name) {
  return absl::StrCat("/api/v1/namespaces/", name_space, kind == "Secret" ? "/secrets/" : "/configmaps/", name);
}

bool IsBase64(const Json& value) {
  std::string bytes;
  return value.is_string() && absl::Base64Unescape(value.get<std::string>(), &bytes);
}

// What the API server's validation says against it; empty for nothing.
std::string FaultOf(const Json& object) {
  const bool secret = object.at("kind") == "Secret";
  for (const char* field : {"data", "binaryData"}) {
    const Json values = object.value(field, Json::object());
    for (const auto& [key, value] : values.items()) {
      const bool base64 = secret || std::string(field) == "binaryData";
      if (base64 ? !IsBase64(value) : !value.is_string()) return absl::StrCat(field, "[", key, "] is malformed");
      if (std::string(field) == "data" && object.value("binaryData", Json::object()).contains(key)) {
        return absl::StrCat("binaryData[", key, "]: Invalid value: duplicate of key in data");
      }
    }
  }
  if (secret && object.contains("binaryData")) return "a Secret has no binaryData";
  const Json data = object.value("data", Json::object());
  const bool pair = data.contains("tls.crt") && data.contains("tls.key");
  if (object.value("type", "") == "kubernetes.io/tls" && !pair) return "data[tls.crt]: Required value";
  return "";
}

}  // namespace

void FakeKubernetes::PutObject(const Json& manifest) {
  Json object = manifest;
  Json& metadata = object.at("metadata");
  if (object.at("kind") == "Secret" && !object.contains("type")) object["type"] = "Opaque";
  if (const std::string fault = FaultOf(object); !fault.empty()) Must(absl::InvalidArgumentError(fault));
  const base::MutexLock lock(mutex_);
  metadata["resourceVersion"] = absl::StrCat(++resource_version_);
  objects_[PathOf(object.at("kind"), metadata.at("namespace"), metadata.at("name"))] = object;
}

void FakeKubernetes::DeleteObject(const std::string& kind, const std::string& name_space, const std::string& name) {
  const base::MutexLock lock(mutex_);
  objects_.erase(PathOf(kind, name_space, name));
}

Json FakeKubernetes::Object(const std::string& kind, const std::string& name_space, const std::string& name) {
  const base::MutexLock lock(mutex_);
  const auto found = objects_.find(PathOf(kind, name_space, name));
  return found == objects_.end() ? Json() : found->second;
}

std::string FakeKubernetes::Value(const std::string& kind, const std::string& name_space, const std::string& name,
                                  const std::string& key) {
  const Json object = Object(kind, name_space, name);
  if (object.is_null()) return "";
  const Json binary = object.value("binaryData", Json::object());
  const Json data = object.value("data", Json::object());
  const bool base64 = kind == "Secret" || binary.contains(key);
  const std::string value = binary.contains(key) ? binary.value(key, "") : data.value(key, "");
  std::string bytes;
  return base64 && absl::Base64Unescape(value, &bytes) ? bytes : value;
}

void FakeKubernetes::OnPatch(std::function<int(const Json& patch)> judge) {
  const base::MutexLock lock(mutex_);
  on_patch_ = std::move(judge);
}

// False when the request is answered already.
bool FakeKubernetes::ServesObjects(const httplib::Request& request, httplib::Response& response,
                                   const std::string& verb) {
  std::vector<std::string> matching;
  const std::string bearer(absl::StripPrefix(request.get_header_value("Authorization"), "Bearer "));
  const Json caller = UserOf(bearer, {kIssuer}, &matching);
  const std::string name_space = request.matches[1];
  const std::string resource = request.matches[2];
  const std::string name = request.matches[3];
  const std::string shown = absl::StrCat(resource, " \"", name, "\"");
  if (caller.is_null()) {
    Answer(response, 401, StatusObject(401, "Unauthorized", "Unauthorized"), false);
  } else if (!May(caller.at("username"), {"", verb, "", resource, name_space, name})) {
    Answer(response, 403, StatusObject(403, "Forbidden", shown + " is forbidden"), false);
  } else if (Object(resource == "secrets" ? "Secret" : "ConfigMap", name_space, name).is_null()) {
    Answer(response, 404, StatusObject(404, "NotFound", shown + " not found"), false);
  } else {
    return true;
  }
  return false;
}

void FakeKubernetes::GetObject(const httplib::Request& request, httplib::Response& response) {
  if (!ServesObjects(request, response, "get")) return;
  const std::string kind = request.matches[2] == "secrets" ? "Secret" : "ConfigMap";
  Answer(response, 200, Object(kind, request.matches[1], request.matches[3]), false);
}

void FakeKubernetes::PatchObject(const httplib::Request& request, httplib::Response& response) {
  ++patches_;
  if (!ServesObjects(request, response, "patch")) return;
  const auto refuse = [&](int status, const std::string& reason, const std::string& message) {
    Answer(response, status, StatusObject(status, reason, message), false);
  };
  if (request.get_header_value("Content-Type") != "application/merge-patch+json") {
    return refuse(415, "UnsupportedMediaType", "the body of the request was in an unknown format");
  }
  const Json patch = Json::parse(request.body, nullptr, false);
  if (!patch.is_object()) return refuse(400, "BadRequest", "the object provided is unrecognized");
  std::function<int(const Json&)> judge;
  {
    const base::MutexLock lock(mutex_);
    judge = on_patch_;
  }
  if (const int status = judge ? judge(patch) : 0; status != 0)
    return refuse(status, "InternalError", "as you like it");
  Json object;
  int status = 200;
  {
    const base::MutexLock lock(mutex_);
    Json& stored = objects_[request.path];
    object = stored;
    object.merge_patch(patch);
    const Json& before = stored.at("metadata").at("resourceVersion");
    const bool changes_data = object.value("data", Json()) != stored.value("data", Json()) ||
                              object.value("binaryData", Json()) != stored.value("binaryData", Json());
    if (object.at("metadata").at("resourceVersion") != before) {
      status = 409;
    } else if (!FaultOf(object).empty() || (stored.value("immutable", false) && changes_data)) {
      status = 422;
    } else if (object != stored) {
      object["metadata"]["resourceVersion"] = absl::StrCat(++resource_version_);
      stored = object;
    }
  }
  if (status == 409) return refuse(409, "Conflict", "the object has been modified; please apply your changes to it");
  if (status == 422) return refuse(422, "Invalid", "the object is invalid");
  Answer(response, 200, object, false);
}

}  // namespace signet::testing
