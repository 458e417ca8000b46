// What must be seen before an authority's next step: who would be lost by it.
#ifndef SIGNET_SERVICES_AUTHORITY_GATES_H_
#define SIGNET_SERVICES_AUTHORITY_GATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/store/rows.h"
#include "services/store/tables.h"

namespace signet::authority {

enum class BlockerKind {
  kNodeNotLoaded = 1,
  kServiceNotLoaded = 2,
  kHostNotLoaded = 3,
  kNodeCertificate = 4,
  kServiceCertificate = 5,
  kHold = 6,
};

// One reason why a gate is closed. See RotationBlocker in proto/signet/v1/rotation.proto.
struct Blocker {
  BlockerKind kind;
  // Hostlist, or services with commas between; empty for a hold, and where nobody knows who it is.
  std::string names;
  int64_t count = 0;
  absl::Time since;
  absl::Time until = absl::InfiniteFuture();  // when it ends by itself; InfiniteFuture: it does not
  std::string cause;
  std::string next;
};

// Who is not known to have *loaded* the anchor of `authority`. A file on a disk opens no gate: what does is
//  - of a node's daemon with an unexpired certificate that is not blocked: the bundle that its ledger row says it
//    loaded holds the anchor; or a probe at or after `since` in which it trusted this authority;
//  - of a service with an unexpired certificate: every report of it says so, and there is one; or such a probe;
//  - of a host that ever reported: its report;
//  - for each of them: an acknowledgement at or after `since` and `acked_since` (of a service also by the service's
//    name), later than every word that says no.
// A host that reported and was not heard of for 30 days keeps the gate closed, whatever it said, until it is heard
// again or acknowledged. Hosts without a daemon that never reported are not seen.
// The bundle meant is found by the hash of its file, of the last 1000 generations: a hash that this server never made
// proves nothing. The newest word counts: a probe decides until the daemon speaks again, and a node whose newest
// statement finds a bundle without the anchor on its disk has loaded that. Blocked nodes and
// hosts without a daemon keep no gate closed; what was reported of a service on a host does, until the host is
// forgotten.
absl::StatusOr<std::vector<Blocker>> NotLoaded(const store::Tables& tables, const store::AuthorityRow& authority,
                                               absl::Time since, absl::Time now,
                                               absl::Time acked_since = absl::InfinitePast());

// Whose newest unexpired certificate `authority` signed, node or service; and services of which no report or probe says
// that they serve a newer one, or of which more unexpired certificates are left than different newer ones are seen to
// be served, unless acknowledged since it retired and later than what was seen, and than the first newer one. One that
// was never recorded here may be an imported authority's.
absl::StatusOr<std::vector<Blocker>> StillServed(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 absl::Time now);

// The name whose acknowledgement for an imported authority says that nobody serves a certificate of it any more whom
// this server does not know: "signetctl rotation ack unlisted --authority ID".
inline constexpr char kUnlisted[] = "unlisted";

// Who may serve a certificate that `authority` signed, though nothing says so:
//  - nodes with an unexpired one that was recorded before their newest, unless blocked: the answer with the newest may
//    never have arrived. A probe that saw a newer one, or an acknowledgement, later than it was recorded and since the
//    authority retired, opens;
//  - of an imported authority, whoever this server never heard of. An acknowledgement of kUnlisted since it was
//  imported,
//    or the end of its certificate, opens.
absl::StatusOr<std::vector<Blocker>> MayBeServed(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 absl::Time now);

// The hold after `authority` retired, for job steps that began before: they load anchors once, at their start.
std::vector<Blocker> Hold(const store::AuthorityRow& authority, absl::Duration hold, absl::Time now);

// Who would refuse every new certificate of `active` without the cross certificates by and for `authority`, though
// nothing says so: whoever trusts nothing but an imported authority that stands above it in the line of cross
// certificates from `active`. The same acknowledgement of kUnlisted for that one as for its own revocation opens, and
// so does its revocation, or the end of its cross certificate.
absl::StatusOr<std::vector<Blocker>> NeededByStrangers(const store::Tables& tables,
                                                       const store::AuthorityRow& authority,
                                                       const store::AuthorityRow& active, absl::Time now);

// All that keeps `authority` from being revoked: its hold, what is or may be served, and who needs the cross
// certificates that go with it: who has not loaded the root of `active`, the one that signs, where acknowledgements
// count since `authority` retired and `active` was activated, and NeededByStrangers. `active` may be null.
absl::StatusOr<std::vector<Blocker>> RevokeGates(const store::Tables& tables, const store::AuthorityRow& authority,
                                                 const store::AuthorityRow* active, absl::Duration hold,
                                                 absl::Time now);

// How many nodes the gates look at: with an unexpired certificate, and not blocked.
absl::StatusOr<int64_t> CountCertified(const store::Tables& tables, absl::Time now);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_GATES_H_
