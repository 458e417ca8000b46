// Whose CSR a refused one is likely to be.
#ifndef SIGNET_SERVICES_X509_SUBJECT_HINT_H_
#define SIGNET_SERVICES_X509_SUBJECT_HINT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace signet::x509 {

// The last common name in the subject of a CSR that CertificateRequest may refuse, such as one with a country and a
// state in it; "" when it cannot be read or is no NodeName. No signature is checked: for the attribution of refusals
// only, nothing may be decided by it.
std::string SubjectHint(absl::string_view csr_pem);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_SUBJECT_HINT_H_
