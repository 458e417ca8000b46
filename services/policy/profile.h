// What each kind of certificate says.
#ifndef SIGNET_SERVICES_POLICY_PROFILE_H_
#define SIGNET_SERVICES_POLICY_PROFILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_request.h"
#include "services/x509/certificate_template.h"
#include "services/x509/public_key.h"

namespace signet::policy {

inline constexpr absl::Duration kLeafBackdate = absl::Hours(1);
inline constexpr absl::Duration kAuthorityBackdate = absl::Hours(24);

// "node", "service", "control" or "probe".
struct Profile {
  std::string name;
  absl::Duration lifetime;  // from now; the backdate comes on top
  bool allow_rsa = false;   // services only
};
Profile NodeProfile(absl::Duration lifetime = absl::Hours(24 * 7));
Profile ServiceProfile(absl::Duration lifetime = absl::Hours(24 * 90));
Profile ControlProfile(absl::Duration lifetime = absl::Hours(24 * 90));
// A TLS client that asks daemons whom they trust: for ten minutes it is a Slurm client, and never a server.
Profile ProbeProfile();
// FAILED_PRECONDITION when the lifetime is out of bounds (an hour to 825 days; of a probe ten minutes), naming both.
absl::Status CheckProfile(const Profile& profile);

// P-256 and P-384; RSA of 3072–4096 bits where the profile allows it, with an odd exponent ≥ 65537 and none of the
// known-weak shapes (even or small-factor modulus, Fermat-close primes, ROCA). INVALID_ARGUMENT / KEY_REFUSED names
// what is wrong and what is allowed.
absl::Status CheckKey(const Profile& profile, const x509::PublicKey& key);

// The CSR's one CN equals `name`, and every requested dNSName does (NAME_REFUSED). The key passes CheckKey.
absl::Status CheckRequest(const Profile& profile, const x509::CertificateRequest& request, absl::string_view name);

// What to put into a leaf besides the profile's own.
struct LeafNames {
  std::string common_name;
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
};

// The leaf's template: validity [now - backdate, now + lifetime] in whole seconds, notAfter never past the issuer's and
// notBefore never before it (FAILED_PRECONDITION when the issuer has under an hour left). `serial`: 20 random bytes,
// made positive here.
absl::StatusOr<x509::CertificateTemplate> LeafTemplate(const Profile& profile, const LeafNames& names,
                                                       const x509::PublicKey& key, const x509::Certificate& issuer,
                                                       absl::string_view random_serial, absl::Time now);

// A self-signed root without pathlen (docs/profiles.md).
absl::StatusOr<x509::CertificateTemplate> RootTemplate(absl::string_view subject, absl::Duration lifetime,
                                                       const x509::PublicKey& key, absl::string_view random_serial,
                                                       absl::Time now);

// A cross certificate (docs/profiles.md): `issuer` vouches for `subject`'s name and key, as a CA without pathlen and
// without extendedKeyUsage, for `lifetime` from `now`, backdated a day, within both certificates' validity
// (FAILED_PRECONDITION otherwise). Where one of them began less than a day ago, it begins with it. FAILED_PRECONDITION
// too when the two have one name or one key.
absl::StatusOr<x509::CertificateTemplate> CrossTemplate(const x509::Certificate& issuer,
                                                        const x509::Certificate& subject, absl::Duration lifetime,
                                                        absl::string_view random_serial, absl::Time now);

// A certificate as it would be released is right for its profile: every rule of docs/profiles.md, checked on the parsed
// bytes. INTERNAL names the first rule broken. `certificate` may be signed by a throwaway key.
absl::Status LintLeaf(const Profile& profile, const x509::Certificate& certificate, const x509::Certificate& issuer);
absl::Status LintRoot(const x509::Certificate& certificate);
// The signature is the issuer's own.
absl::Status LintCross(const x509::Certificate& cross, const x509::Certificate& issuer,
                       const x509::Certificate& subject);
// Whether `below`, which an authority signed, verifies through a cross certificate of that authority too: not when its
// authorityKeyIdentifier names issuer and serial (RFC 5280 section 4.2.1.1), which are the self-signed certificate's.
// FAILED_PRECONDITION.
absl::Status CheckFollowsCross(const x509::Certificate& below);
// Whether OpenSSL takes `above` itself for the issuer of `below`: names, key identifiers and, where the
// authorityKeyIdentifier names them, its issuer and serial: those of the very certificate, and not of another one for
// its key. FAILED_PRECONDITION.
absl::Status CheckNamesIssuer(const x509::Certificate& below, const x509::Certificate& above);

}  // namespace signet::policy

#endif  // SIGNET_SERVICES_POLICY_PROFILE_H_
