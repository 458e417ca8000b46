// A certification request signed by its own key: where x509's bytes and keys' signature meet.
#ifndef SIGNET_SERVICES_KEYS_REQUEST_SIGNING_H_
#define SIGNET_SERVICES_KEYS_REQUEST_SIGNING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/keys/signer.h"

namespace signet::keys {

// PKCS#10 PEM with CN = common_name and, unless empty, the statement attribute.
absl::StatusOr<std::string> SignRequestPem(const Signer& key, absl::string_view common_name,
                                           absl::string_view statement);

// PKCS#10 PEM of a CA to be: the Name `subject_der`, and an extensionRequest (x509::EncodeAuthorityRequestInfo).
absl::StatusOr<std::string> SignAuthorityRequestPem(const Signer& key, absl::string_view subject_der);

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_REQUEST_SIGNING_H_
