// Slurm's certgen plugin: throwaway keys and self-signed certificates for client commands and slurmstepd.
#ifndef SIGNET_ADAPTERS_SLURM_CERTGEN_H_
#define SIGNET_ADAPTERS_SLURM_CERTGEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/random.h"
#include "services/base/secret_bytes.h"

namespace signet::slurm {

// slurmstepd makes one certificate when a step starts and shows it for as long as the step runs, so the life must
// outlast the longest step. Nobody verifies it against an anchor, hence a long life gives nothing away; and the key
// dies with the process.
inline constexpr absl::Duration kCertgenLifetime = absl::Hours(365 * 24);
// For hosts whose clock is behind.
inline constexpr absl::Duration kCertgenBackdate = absl::Hours(1);

// A new P-256 key as PKCS#8 PEM.
absl::StatusOr<base::SecretBytes> MakeKey();

// A certificate of `key_pem`'s key for itself: the subject with {host} replaced, SAN `host`, both TLS directions.
absl::StatusOr<std::string> MakeSelfSigned(const base::SecretBytes& key_pem, absl::string_view subject,
                                           absl::string_view host, absl::Time now, base::Random& random);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_CERTGEN_H_
