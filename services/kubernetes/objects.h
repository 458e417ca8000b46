// ConfigMaps and Secrets that somebody else made, read and changed by name. Nothing is created, deleted or listed.
#ifndef SIGNET_SERVICES_KUBERNETES_OBJECTS_H_
#define SIGNET_SERVICES_KUBERNETES_OBJECTS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/kubernetes/https_client.h"

namespace signet::kubernetes {

enum class ObjectKind { kConfigMap = 1, kSecret = 2 };

struct ObjectName {
  ObjectKind kind = ObjectKind::kConfigMap;
  std::string name_space;
  std::string name;
};
// "Secret slurm/signet-slurmctld-tls".
std::string ToText(const ObjectName& name);

struct Object {
  // metadata.resourceVersion: which state of the object this is.
  std::string version;
  std::map<std::string, std::string> annotations;
  // Decoded; of a ConfigMap, data and binaryData.
  std::map<std::string, base::SecretBytes> values;

  // Empty when there is none.
  absl::string_view Value(const std::string& key) const;
};

// What a patch sets, all at once or not at all; everything else stays.
struct Change {
  // Of the state that was looked at: another one in its place refuses the patch.
  std::string version;
  // nullopt removes one.
  std::map<std::string, std::optional<std::string>> annotations = {};
  // UTF-8; ConfigMaps only.
  std::map<std::string, std::string> text = {};
  std::map<std::string, base::SecretBytes> bytes = {};
};

// Thread-safe. Errors: NOT_FOUND; PERMISSION_DENIED / CONFIGURATION for a right that signetd lacks, naming verb, object
// and what to grant; ABORTED when the object changed meanwhile; FAILED_PRECONDITION / CONFIGURATION when the API server
// refuses the change itself; ApiUnavailable for everything that is no answer.
class Objects {
 public:
  explicit Objects(Endpoint endpoint) : client_(std::move(endpoint)) {}

  absl::StatusOr<Object> Get(const ObjectName& name, Deadline deadline);
  // The version that the object has then.
  absl::StatusOr<std::string> Patch(const ObjectName& name, const Change& change, Deadline deadline);

 private:
  HttpsClient client_;
};

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_OBJECTS_H_
