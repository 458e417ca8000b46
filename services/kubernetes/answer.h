// What the API server answers, read without belief. Internal to kubernetes/.
#ifndef SIGNET_SERVICES_KUBERNETES_ANSWER_H_
#define SIGNET_SERVICES_KUBERNETES_ANSWER_H_

#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "services/kubernetes/https_client.h"

namespace signet::kubernetes {

using Json = nlohmann::json;

// The value at `path`; null when it is not there.
const Json& At(const Json& from, std::initializer_list<const char*> path);
// The text at `path`; empty when there is none.
std::string TextAt(const Json& from, std::initializer_list<const char*> path);
// The answer as an object of this kind; ApiUnavailable for anything else.
absl::StatusOr<Json> ReadObject(const HttpAnswer& answer, absl::string_view kind);
// ApiUnavailable for a status that stands between us and an answer: our own rights, redirects, trouble. 403 names
// `missing_right` ("get pods in namespace slurm") and what to grant.
absl::Status NoAnswer(long status, absl::string_view missing_right, absl::string_view grant);

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_ANSWER_H_
