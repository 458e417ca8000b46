// The trust bundle that follows the newest one.
#ifndef SIGNET_SERVICES_AUTHORITY_TRUST_BUNDLE_H_
#define SIGNET_SERVICES_AUTHORITY_TRUST_BUNDLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/keys/signer.h"
#include "services/store/rows.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// The certificate that stands for an authority in the trust bundle: its own, or, of a subordinate one, its root's.
absl::StatusOr<x509::Certificate> AnchorOf(const store::AuthorityRow& row);

// PREPARED, ACTIVE or RETIRED.
bool IsTrusted(store::AuthorityState state);

// What belongs into the bundle: the anchors of the trusted Slurm authorities among `rows`, oldest first, each once,
// without those that are expired at `now`.
absl::StatusOr<std::vector<x509::Certificate>> AnchorsOf(const std::vector<store::AuthorityRow>& rows, absl::Time now);

// Generation newest + 1, or `at_least` when that is higher, over `anchors`, signed; the caller stores it. Signs: call
// it outside a transaction. FAILED_PRECONDITION when `anchors` is empty or `newest` does not verify.
absl::StatusOr<store::BundleRow> NextBundle(absl::string_view cluster, const store::BundleRow& newest,
                                            const std::vector<x509::Certificate>& anchors,
                                            const keys::Signer& bundle_key, absl::Time now, uint64_t at_least = 0);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_TRUST_BUNDLE_H_
