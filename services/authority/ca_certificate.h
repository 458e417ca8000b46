// CA certificates from elsewhere. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_CA_CERTIFICATE_H_
#define SIGNET_SERVICES_AUTHORITY_CA_CERTIFICATE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/rows.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// INVALID_ARGUMENT / MALFORMED, "certificate_pem: …", when `field` is that.
absl::Status CaRefused(absl::string_view field, absl::string_view what, absl::string_view next = "");

// What holds for every CA certificate in a chain that s2n verifies: bytes that OpenSSL reads, a key that s2n takes
// (P-256, P-384, P-521, RSA of 2048 to 4096 bits), CA:TRUE, keyCertSign where there is a keyUsage, x509::CheckTlsUse,
// and validity at `now`. INVALID_ARGUMENT names the fault, without the certificate.
absl::Status CheckCaCertificate(absl::string_view field, const x509::Certificate& certificate, absl::Time now);

// The same, and self-signed by an algorithm of x509::SignatureAlgorithm.
absl::Status CheckRootCertificate(absl::string_view field, const x509::Certificate& certificate, absl::Time now);

// The keys of an authority and of all that stands above it, as SubjectPublicKeyInfo: its own, those of its intermediate
// certificates, its anchor's.
absl::StatusOr<std::set<std::string>> KeysOf(const store::AuthorityRow& row);

// Whether an anchor may have the key of `certificate`, or a chain lead through it: not when it is among the KeysOf of
// the control authority, or of an authority that left the bundle, unless a trusted one's chain has it too: under
// whatever certificate it came back, what the former signed would be accepted by it. FAILED_PRECONDITION,
// INVALID_ARGUMENT.
absl::Status CheckMayComeBack(absl::string_view field, const x509::Certificate& certificate,
                              const std::vector<store::AuthorityRow>& rows);

// Whether `root` may stand in the trust bundle beside the anchors of `rows`, which it is none of: CheckMayComeBack, not
// the anchor of an authority that left the bundle, no key of another certificate, no name of another key.
// INVALID_ARGUMENT, FAILED_PRECONDITION.
absl::Status CheckBeside(absl::string_view field, const x509::Certificate& root,
                         const std::vector<store::AuthorityRow>& rows);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_CA_CERTIFICATE_H_
