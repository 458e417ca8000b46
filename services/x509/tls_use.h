// Which certificates may stand in a chain that Slurm's TLS verifies.
#ifndef SIGNET_SERVICES_X509_TLS_USE_H_
#define SIGNET_SERVICES_X509_TLS_USE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/x509/certificate.h"

namespace signet::x509 {

// kClient: of who only ever asks, such as a probe.
enum class TlsUse { kBoth = 1, kClient = 2 };

// What holds for each certificate of a chain, the root's too, and does not depend on the time: no extension that must
// not be passed over and is not read here, no RSA key under 112 bits, and an extendedKeyUsage, when there is one, that
// names what `use` needs (RFC 5280 section 4.2.1.12; anyExtendedKeyUsage is no such name to OpenSSL).
// FAILED_PRECONDITION / CONFIGURATION begins with the subject.
absl::Status CheckTlsUse(const Certificate& certificate, TlsUse use = TlsUse::kBoth);

// VerifyChain for a leaf that may be a client's alone. Its authorities serve both directions.
absl::Status VerifyClientChain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                               const std::vector<Certificate>& anchors, absl::Time now);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_TLS_USE_H_
