// Bundle files that this server made, by their hash. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_KNOWN_BUNDLES_H_
#define SIGNET_SERVICES_AUTHORITY_KNOWN_BUNDLES_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/store/tables.h"

namespace signet::authority {

// Whether a file holds an anchor. kUnknown: this server did not make it, or too long ago.
enum class Holds { kYes = 1, kNo = 2, kUnknown = 3 };

class KnownBundles {
 public:
  // The last 1000 generations; `anchor_pem` is what is looked for in each.
  static absl::StatusOr<KnownBundles> Read(const store::Tables& tables, absl::string_view anchor_pem);

  // `file_sha256`: raw. An empty one is unknown.
  Holds Judge(absl::string_view file_sha256) const;
  // The oldest generation that was read.
  uint64_t oldest() const { return oldest_; }

 private:
  absl::flat_hash_map<std::string, bool> holds_;
  uint64_t oldest_ = 0;
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_KNOWN_BUNDLES_H_
