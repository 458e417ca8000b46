#include "services/kubernetes/answer.h"

#include "absl/strings/str_cat.h"

namespace signet::kubernetes {

const Json& At(const Json& from, std::initializer_list<const char*> path) {
  static const Json* const kNothing = new Json();
  const Json* at = &from;
  for (const char* key : path) {
    if (!at->is_object()) return *kNothing;
    const auto found = at->find(key);
    if (found == at->end()) return *kNothing;
    at = &*found;
  }
  return *at;
}

std::string TextAt(const Json& from, std::initializer_list<const char*> path) {
  const Json& value = At(from, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

absl::StatusOr<Json> ReadObject(const HttpAnswer& answer, absl::string_view kind) {
  Json object = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (object.is_object() && TextAt(object, {"kind"}) == kind) return object;
  return ApiUnavailable(absl::StrCat("the Kubernetes API's answer is no ", kind));
}

absl::Status NoAnswer(long status, absl::string_view missing_right, absl::string_view grant) {
  if (status == 401) {
    return ApiUnavailable("the Kubernetes API does not take signetd's own service account token (401)",
                          "check kubernetes.token_file, and that it is a token for this API server");
  }
  if (status == 403) {
    return ApiUnavailable(absl::StrCat("signetd may not ", missing_right, " (403)"), grant);
  }
  return ApiUnavailable(absl::StrCat("the Kubernetes API answers with HTTP status ", status));
}

}  // namespace signet::kubernetes
