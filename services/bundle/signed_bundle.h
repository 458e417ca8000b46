// The signed trust bundle, "signet/bundle/v1" (docs/formats.md).
#ifndef SIGNET_SERVICES_BUNDLE_SIGNED_BUNDLE_H_
#define SIGNET_SERVICES_BUNDLE_SIGNED_BUNDLE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/keys/signer.h"

namespace signet::bundle {

struct Bundle {
  std::string cluster;
  uint64_t generation = 0;
  std::string previous_sha256;  // raw; empty at generation 1
  std::string ca_cert_pem;      // the exact bytes for ca_cert_file
  absl::Time created_at;
  std::string next_bundle_key;  // SPKI; empty unless announced
};

// The serialized SignedBundle.
absl::StatusOr<std::string> Sign(const Bundle& bundle, const keys::Signer& bundle_key);

// Verifies against `pin` (SHA-256 of the bundle key's SPKI, raw, 32 bytes) and `cluster`; then s2n's file rules on
// ca_cert_pem. An empty pin is refused: without one nothing is believed. UNAUTHENTICATED / EVIDENCE_INVALID,
// WRONG_CLUSTER, MALFORMED.
absl::StatusOr<Bundle> Verify(absl::string_view signed_bundle, absl::string_view pin, absl::string_view cluster);

// What the bytes say, without a look at the signature, the cluster or the file's rules: for bundles out of the server's
// own store. MALFORMED.
absl::StatusOr<Bundle> ReadUnverified(absl::string_view signed_bundle);

// SHA-256 (raw) of the serialized Bundle inside `signed_bundle`: the next generation's previous_sha256.
absl::StatusOr<std::string> BundleSha256(absl::string_view signed_bundle);

}  // namespace signet::bundle

#endif  // SIGNET_SERVICES_BUNDLE_SIGNED_BUNDLE_H_
