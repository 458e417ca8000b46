// AlgorithmIdentifiers of signatures (RFC 5758 section 3.2, RFC 4055 section 5). Internal to x509/.
#ifndef SIGNET_SERVICES_X509_SIGNATURE_ALGORITHM_H_
#define SIGNET_SERVICES_X509_SIGNATURE_ALGORITHM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/x509/public_key.h"

namespace signet::x509 {

// The whole AlgorithmIdentifier: no parameters with ECDSA, NULL with RSA.
std::string AlgorithmIdentifierDer(SignatureAlgorithm algorithm);

// Which of ours this AlgorithmIdentifier is, byte for byte. INVALID_ARGUMENT / CSR_REFUSED naming the one that was
// found.
absl::StatusOr<SignatureAlgorithm> SignatureAlgorithmFromDer(absl::string_view algorithm_identifier);

// True when keys of this type make signatures of this algorithm.
bool Agrees(SignatureAlgorithm algorithm, KeyType type);

// "ecdsa-with-sha256", for messages.
absl::string_view SignatureAlgorithmText(SignatureAlgorithm algorithm);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_SIGNATURE_ALGORITHM_H_
