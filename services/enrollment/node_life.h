// What an administrator does to nodes: block, unblock, forget, approve.
#ifndef SIGNET_SERVICES_ENROLLMENT_NODE_LIFE_H_
#define SIGNET_SERVICES_ENROLLMENT_NODE_LIFE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/base/clock.h"
#include "services/store/store.h"

namespace signet::enrollment {

inline constexpr std::size_t kMaxNodesPerCall = 1000;
inline constexpr std::size_t kMaxBlockReason = 200;
inline constexpr absl::Duration kDefaultApprovalTtl = absl::Hours(24);
inline constexpr absl::Duration kMostApprovalTtl = absl::Hours(24 * 30);

// What a call changed.
struct NodeChange {
  int64_t nodes = 0;             // names (block, unblock) or ledger rows (forget)
  int64_t identities_ended = 0;  // identity keys
  int64_t tokens_revoked = 0;    // tokens that were open
  int64_t approvals_dropped = 0;
  int64_t reports_dropped = 0;  // of the host as one without a daemon, or of services on it (forget)
};

// Each call is one transaction with one audit record ("node.block", …; subject: the hostlist), and none of either when
// it changes nothing. All or none: a name that is no NodeName refuses the call (INVALID_ARGUMENT). Thread-safe.
// References must outlive this.
class NodeLife {
 public:
  NodeLife(audit::AuditLog& audit, store::Store& store, base::Clock& clock)
      : audit_(audit), store_(store), clock_(clock) {}

  // Ends every identity key of these names for ever, revokes their open tokens, drops their approvals, and refuses them
  // everything until Unblock. A name need not have enrolled. `reason` is required, printable, at most kMaxBlockReason
  // bytes; that of a name that is blocked already stays.
  absl::StatusOr<NodeChange> Block(const std::vector<std::string>& nodes, absl::string_view reason,
                                   const audit::Origin& origin);
  // Lifts the block and nothing else: the node enrols again with a token (or approval, or pod) made after this.
  absl::StatusOr<NodeChange> Unblock(const std::vector<std::string>& nodes, const audit::Origin& origin);
  // Takes the names out of the ledger: identity keys end, open tokens are revoked, approvals and what the hosts
  // reported of themselves dropped, so that they close no gate of a rotation any more. A block stays.
  absl::StatusOr<NodeChange> Forget(const std::vector<std::string>& nodes, const audit::Origin& origin);
  // Admits the identity key `key_id` (32 hex digits) for one daemon of one node, once, within `ttl` (zero: the
  // default). FAILED_PRECONDITION / NODE_BLOCKED for a blocked name; ALREADY_EXISTS when the key is or was one of the
  // ledger.
  absl::StatusOr<store::ApprovalRow> Approve(absl::string_view node, absl::string_view daemon, absl::string_view key_id,
                                             absl::Duration ttl, const audit::Origin& origin);

 private:
  audit::AuditLog& audit_;
  store::Store& store_;
  base::Clock& clock_;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_NODE_LIFE_H_
