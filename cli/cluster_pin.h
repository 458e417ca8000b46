// Which cluster signetd serves, and by which key its trust bundle is believed.
#ifndef SIGNET_CLI_CLUSTER_PIN_H_
#define SIGNET_CLI_CLUSTER_PIN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"
#include "services/bundle/signed_bundle.h"
#include "signet/v1/bundle.pb.h"

namespace signet::cli {

struct ClusterPin {
  std::string cluster;
  std::string pin;  // SHA-256 of the bundle key's SPKI, raw
};

// Asks signetd, over the socket or TLS that already proves who it is. `pin_hex`, unless empty, replaces the server's
// word.
absl::StatusOr<ClusterPin> AskForClusterPin(Session& session, absl::string_view pin_hex);

// 64 hex digits, either case; raw bytes. A usage error otherwise.
absl::StatusOr<std::string> PinFromHex(absl::string_view hex);

// Verifies a bundle in the form the server sends it.
absl::StatusOr<bundle::Bundle> VerifyBundle(const v1::SignedBundle& signed_bundle, const ClusterPin& pin);

}  // namespace signet::cli

#endif  // SIGNET_CLI_CLUSTER_PIN_H_
