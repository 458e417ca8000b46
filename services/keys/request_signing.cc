#include "services/keys/request_signing.h"

#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate_request.h"
#include "services/x509/pem.h"

namespace signet::keys {

absl::StatusOr<std::string> SignRequestPem(const Signer& key, absl::string_view common_name,
                                           absl::string_view statement) {
  if (common_name.empty() || common_name.size() > 64) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kNameRefused,
                         "common name: must have 1 to 64 characters");
  }
  const x509::SignatureAlgorithm algorithm = DefaultAlgorithm(key.public_key());
  const std::string info = x509::EncodeRequestInfo(common_name, key.public_key(), statement);
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, key.Sign(algorithm, info));
  return x509::EncodePem(x509::kCertificateRequestLabel, x509::AssembleRequest(info, algorithm, signature));
}

absl::StatusOr<std::string> SignAuthorityRequestPem(const Signer& key, absl::string_view subject_der) {
  const x509::SignatureAlgorithm algorithm = DefaultAlgorithm(key.public_key());
  const std::string info = x509::EncodeAuthorityRequestInfo(subject_der, key.public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, key.Sign(algorithm, info));
  return x509::EncodePem(x509::kCertificateRequestLabel, x509::AssembleRequest(info, algorithm, signature));
}

}  // namespace signet::keys
