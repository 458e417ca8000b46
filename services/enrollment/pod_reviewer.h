// Who holds a projected Kubernetes ServiceAccount token, in the words of the Kubernetes API.
#ifndef SIGNET_SERVICES_ENROLLMENT_POD_REVIEWER_H_
#define SIGNET_SERVICES_ENROLLMENT_POD_REVIEWER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::enrollment {

// A pod as the API server knows it, from fields that nobody can change while it lives.
struct ReviewedPod {
  // "namespace/name" of its service account.
  std::string service_account;
  // What the configuration's allow-list gives that account: "slurmd", "sackd", "controller" or "tester".
  std::string grants;
  std::string name_space;
  std::string name;
  std::string uid;
  // The Slurm node it is: spec.hostname; with hostNetwork the Kubernetes node's short name; else the pod's name.
  std::string node;
  absl::Time created_at;
  // When the token that was shown ends.
  absl::Time token_expires_at;
};

// Thread-safe.
class PodReviewer {
 public:
  virtual ~PodReviewer() = default;
  // Asks the Kubernetes API whether `token` is alive, made for us, and held by a live pod of an allowed service
  // account. PERMISSION_DENIED / POD_REFUSED, whose message never quotes the token; UNAVAILABLE /
  // KUBERNETES_UNAVAILABLE when the API gave no usable answer in time, which is worth a retry.
  virtual absl::StatusOr<ReviewedPod> Review(absl::string_view token) = 0;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_POD_REVIEWER_H_
