// A foreign root on its way into the trust bundle.
#ifndef SIGNET_CLI_ANCHOR_H_
#define SIGNET_CLI_ANCHOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"
#include "signet/v1/cert_authority.pb.h"

namespace signet::cli {

// The PEM of one certificate. A usage error when the file holds a private key, which must not leave it.
absl::StatusOr<std::string> ReadAnchor(const std::string& path);

// Asks signetd to add it or, with `dry_run`, whether it would.
absl::StatusOr<v1::ImportAuthorityResponse> ImportAnchor(Session& session, absl::string_view pem, bool dry_run);

}  // namespace signet::cli

#endif  // SIGNET_CLI_ANCHOR_H_
