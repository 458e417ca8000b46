// Cross certificates: who trusts the former authority only can verify leaves of the new one.
#ifndef SIGNET_SERVICES_AUTHORITY_CROSS_H_
#define SIGNET_SERVICES_AUTHORITY_CROSS_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/authority/authority.h"
#include "services/store/rows.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// s2n refuses a peer's chain of more than 7 certificates, the leaf included.
inline constexpr std::size_t kMostAbove = 6;

// How long the former authority is held, and how long a leaf lives at most: a cross certificate lives no longer than
// the hold plus two leaf lifetimes.
absl::Duration CrossLifetime(absl::Duration hold, absl::Duration longest_leaf);

// `lifetime`, or as much of it as `issuer` and the anchor of `subject` still live: past the end of either nobody needs
// the cross certificate.
absl::Duration CrossLifetimeWithin(const Authority& issuer, const Authority& subject, absl::Duration lifetime,
                                   absl::Time now);

// False when both have one anchor, as two subordinates of one root: who verifies the one verifies the other.
bool NeedsCross(const Authority& former, const Authority& next);

// Whether verifiers would take a cross certificate by `issuer` for an authority with `intermediates` certificates of
// its own between its leaves and its anchor (0: a root). FAILED_PRECONDITION names the certificate whose path length
// forbids it (RFC 5280 section 4.2.1.9), or says that the chain would be longer than kMostAbove.
absl::Status CheckMayVouch(const Authority& issuer, std::size_t intermediates);

// The trusted authority among `others` whose cross certificate for `anchor` a leaf carries at `now`; null when there is
// none. Found by the key of the anchor, which subordinates of one root share.
const Authority* FindVoucherOf(const x509::Certificate& anchor, const std::vector<Authority>& others,
                               const std::vector<store::CrossRow>& crosses, absl::Time now);

// `issuer` vouches for the anchor of `subject`, for `lifetime` from `now`, backdated a day. FAILED_PRECONDITION when it
// would outlive either of them, when `issuer` has no key here, when CheckMayVouch forbids it, when a subordinate's
// own certificate would not follow it (policy::CheckFollowsCross), or when none is needed. Signs: call it outside a
// transaction.
absl::StatusOr<store::CrossRow> MakeCross(const Authority& issuer, const Authority& subject, absl::Duration lifetime,
                                          absl::string_view random_serial, absl::Time now);

// What a leaf of `authority` carries above itself: of a subordinate one its intermediates; then, while its issuer is
// ACTIVE or RETIRED and `now` is before its end, the newest cross certificate for its anchor, and what a leaf of that
// issuer would carry. Never a self-signed certificate, never one twice: each certificate's issuer is the next one's
// subject, so that a verifier finds the path whichever anchor it trusts. `others`: every authority, by its anchor,
// `intermediates` and state; their chain_above is not read. At most kMostAbove certificates: the oldest are left off.
std::vector<x509::Certificate> ChainAbove(const Authority& authority, const std::vector<Authority>& others,
                                          const std::vector<store::CrossRow>& crosses, absl::Time now);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_CROSS_H_
