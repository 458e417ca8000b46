// Which certificates may stand in a chain that Slurm's TLS verifies.
#ifndef SIGNET_SERVICES_X509_TLS_USE_H_
#define SIGNET_SERVICES_X509_TLS_USE_H_

#include "absl/status/status.h"
#include "services/x509/certificate.h"

namespace signet::x509 {

// What holds for each certificate of a chain, the root's too, and does not depend on the time: no extension that must
// not be passed over and is not read here, no RSA key under 112 bits, and an extendedKeyUsage, when there is one, that
// names TLS in both directions (RFC 5280 section 4.2.1.12; anyExtendedKeyUsage is no such name to OpenSSL).
// FAILED_PRECONDITION / CONFIGURATION begins with the subject.
absl::Status CheckTlsUse(const Certificate& certificate);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_TLS_USE_H_
