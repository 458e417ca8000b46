// The two questions to the Kubernetes API: whose token is this, and what is that pod?
#ifndef SIGNET_SERVICES_KUBERNETES_API_H_
#define SIGNET_SERVICES_KUBERNETES_API_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/kubernetes/https_client.h"
#include "services/kubernetes/token.h"

namespace signet::kubernetes {

// What of a pod names a node: fields that are set when it is made. Labels and annotations can be written by others, and
// are not read.
struct Pod {
  std::string name_space;
  std::string name;
  std::string uid;
  std::string service_account;
  std::string phase;
  bool being_deleted = false;
  bool host_network = false;
  std::string node_name;  // spec.nodeName
  std::string hostname;   // spec.hostname
  // Of the controlling owner reference; empty without one.
  std::string owner_kind;
  std::string owner_api_version;
  absl::Time created_at;
};

// Thread-safe.
class Api {
 public:
  explicit Api(Endpoint endpoint) : client_(std::move(endpoint)) {}

  // TokenReview (authentication.k8s.io/v1): OK when the API says that `token` is alive, for `audience`, and held by
  // exactly the service account and pod that `claims` name. POD_REFUSED when it says no, or says yes to something else;
  // ApiUnavailable when it says nothing that can be read, or refuses us, naming the missing right.
  absl::Status ReviewToken(absl::string_view token, const TokenClaims& claims, absl::string_view audience,
                           Deadline deadline);
  // The pod as it is now. POD_REFUSED when there is none.
  absl::StatusOr<Pod> GetPod(absl::string_view name_space, absl::string_view name, Deadline deadline);

 private:
  HttpsClient client_;
};

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_API_H_
