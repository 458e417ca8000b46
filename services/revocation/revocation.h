// Ends trust in certificates before they expire.
#ifndef SIGNET_SERVICES_REVOCATION_REVOCATION_H_
#define SIGNET_SERVICES_REVOCATION_REVOCATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/store/store.h"

namespace signet::revocation {

// Exactly one of serials, nodes and authority_id is set.
struct Request {
  std::vector<std::string> serials;  // hex, as x509 writes them
  std::vector<std::string> nodes;
  std::string authority_id;
  store::RevocationReason reason = store::RevocationReason::kUnspecified;
  std::string comment;  // required
  bool dry_run = false;
};

struct Revoked {
  int64_t certificates = 0;      // that were not revoked before
  int64_t identities_ended = 0;  // nodes' identity keys: a node enrols again with a token made afterwards
};

// How long a list is good for, and how long before its end a new one is made.
inline constexpr absl::Duration kListLifetime = absl::Hours(24 * 7);
inline constexpr absl::Duration kListOverlap = absl::Hours(24 * 3);
// A list is at least this old when one with newer revocations takes its place.
inline constexpr absl::Duration kListPause = absl::Minutes(1);

inline constexpr std::size_t kMaxPerCall = 1000;  // serials or nodes
inline constexpr std::size_t kMaxComment = 200;   // bytes

// Thread-safe. References must outlive this.
class Revocation {
 public:
  Revocation(store::Store& store, authority::Authorities& authorities, const audit::AuditLog& audit,
             base::Clock& clock);

  // One transaction. A node's certificate revoked by its serial ends the identity key that obtained it, one revoked by
  // node every identity key of the node, its open tokens and approvals: neither renews. A service is named like a node;
  // it has no identity key to end; what ends with its name are its control certificates too (role service), which could
  // ask for another one. A client's control certificate revoked by its serial takes every live one of its name and role
  // along, since each may have renewed the other: a client comes back by a new one that an administrator issues.
  // `Revoked::certificates` counts them all. NOT_FOUND names the first serial or node that is unknown, and then nothing
  // is revoked. FAILED_PRECONDITION for the active authority: its certificates would be renewed as fast; and
  // FAILED_PRECONDITION / GATE_CLOSED, naming them, while somebody serves or may serve a certificate of an authority
  // that is still trusted: no gate would see them any more (authority::StillServed, authority::MayBeServed). Audited as
  // "certificate.revoke", one record for each serial or node, one for an authority; none for what changed nothing.
  absl::StatusOr<Revoked> Revoke(const Request& request, const audit::Origin& origin);

  // The newest list of an authority (empty: of the active Slurm authority), made anew when something was revoked since
  // or when it ends within kListOverlap. Its number grows by one each time. FAILED_PRECONDITION when the authority has
  // no key here, or one that may not sign lists. A certificate that ended stays in the first list that is made after
  // that (RFC 5280 section 3.3). Costs the number of revoked unexpired certificates, once per change and at most once a
  // minute: revoking costs the same whatever the list's length.
  absl::StatusOr<store::RevocationListRow> List(absl::string_view authority_id);

 private:
  store::Store& store_;
  authority::Authorities& authorities_;
  const audit::AuditLog& audit_;
  base::Clock& clock_;
  base::Mutex making_;  // one list at a time: who waits finds it made
};

}  // namespace signet::revocation

#endif  // SIGNET_SERVICES_REVOCATION_REVOCATION_H_
