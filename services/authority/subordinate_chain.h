// What an offline root hands back for a request. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_SUBORDINATE_CHAIN_H_
#define SIGNET_SERVICES_AUTHORITY_SUBORDINATE_CHAIN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/authority/authority.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// The certificates of a chain file: at least two, the self-signed root last, no other self-signed. INVALID_ARGUMENT.
absl::StatusOr<std::vector<x509::Certificate>> ReadChain(absl::string_view chain_pem);

// Whether leaves below `chain` verify at every host, and through a cross certificate for its root, until `until` at
// least. Of each certificate: what s2n and OpenSSL take (CheckCaCertificate), begun, and ending neither before `until`
// nor before the one it signed; signed by the next; key identifiers that agree, also with the cross certificate that
// will stand in the root's place; names that differ; path lengths that allow the authorities below. Of the first: a
// subjectKeyIdentifier, which its leaves name. INVALID_ARGUMENT names certificate and fault.
absl::Status CheckChain(const std::vector<x509::Certificate>& chain, absl::Time until, absl::Time now);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_SUBORDINATE_CHAIN_H_
