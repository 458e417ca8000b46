// The control certificate that signetctl itself is configured with.
#ifndef SIGNET_CLI_CONTROL_CERTIFICATE_H_
#define SIGNET_CLI_CONTROL_CERTIFICATE_H_

#include <optional>

#include "absl/status/statusor.h"
#include "cli/session.h"
#include "services/x509/certificate.h"

namespace signet::cli {

// The one behind --cert (or $SIGNET_TLS_DIR), with its key; nullopt when none is configured, as on a socket. Heals what
// a killed run left (see HealPair).
absl::StatusOr<std::optional<x509::Certificate>> OwnControlCertificate(Session& session);

// Makes a new key, asks for a certificate of the same role and name, and swaps the two files. The answer must verify up
// to --ca, which stays. The files keep their owner and modes. The old certificate works until it expires.
absl::StatusOr<x509::Certificate> RenewControlCertificate(Session& session, const x509::Certificate& old);

}  // namespace signet::cli

#endif  // SIGNET_CLI_CONTROL_CERTIFICATE_H_
