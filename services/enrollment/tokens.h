// Registers the public halves of tokens.
#ifndef SIGNET_SERVICES_ENROLLMENT_TOKENS_H_
#define SIGNET_SERVICES_ENROLLMENT_TOKENS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/evidence/token.h"
#include "services/store/store.h"

namespace signet::enrollment {

struct NewToken {
  std::string node;
  std::string daemon;
  evidence::TokenKind kind = evidence::TokenKind::kSingleUse;
  std::string spki_der;
  absl::Duration ttl;      // zero: the default of the kind
  std::string label = {};  // CheckTokenLabel; may be empty
};

inline constexpr std::size_t kMaxTokenLabel = 64;
// OK for at most kMaxTokenLabel of [A-Za-z0-9._:=/-], none included; INVALID_ARGUMENT / MALFORMED.
absl::Status CheckTokenLabel(absl::string_view label);

inline constexpr int kMaxTokensPerCall = 1000;
// Single use and lab: 7 days; boot: 24 hours; reusable: 365 days, which is also the most.
absl::Duration DefaultTtl(evidence::TokenKind kind);

// Thread-safe. References must outlive this.
class Tokens {
 public:
  Tokens(audit::AuditLog& audit, store::Store& store, base::Clock& clock)
      : audit_(audit), store_(store), clock_(clock) {}

  // All or none, one audit record ("token.create", subject: the hostlist). A token that exists with the same node,
  // daemon, kind and key is returned as it stands; one id for two nodes is ALREADY_EXISTS. Every fault of every token
  // is named (the first 40; then how many more). `dry_run` judges the same and writes nothing. A caller whose role is
  // "provisioner" makes boot tokens of at most 24 hours (else ACCESS_DENIED) for nodes of its hostlist in the ledger
  // and for no others (PERMISSION_DENIED / NOT_YOUR_NODE, naming the nodes beyond it); every role but that and "admin"
  // is refused. FAILED_PRECONDITION / NODE_BLOCKED names the blocked ones.
  absl::StatusOr<std::vector<store::TokenRow>> Create(const std::vector<NewToken>& tokens, bool dry_run,
                                                      const audit::Origin& origin);
  // Those of the ids named that are neither revoked nor expired, and the open ones of the nodes named and of the label
  // (empty: none);
  // NOT_FOUND for an id that does not exist (then none is revoked). Their number.
  absl::StatusOr<int64_t> Revoke(const std::vector<std::string>& ids, const std::vector<std::string>& nodes,
                                 absl::string_view label, const audit::Origin& origin);

 private:
  using Scope = absl::flat_hash_set<std::string>;
  // Every row's node is one of the provisioner's.
  absl::Status CheckScope(const std::vector<store::TokenRow>& rows, absl::string_view provisioner,
                          const store::Tables& tables);
  // The names of a hostlist, remembered by its text: a provisioner asks at each boot of each node.
  absl::StatusOr<std::shared_ptr<const Scope>> ScopeOf(const std::string& hostlist);

  audit::AuditLog& audit_;
  store::Store& store_;
  base::Clock& clock_;
  base::Mutex scopes_mutex_;
  std::map<std::string, std::shared_ptr<const Scope>> scopes_ ABSL_GUARDED_BY(scopes_mutex_);
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_TOKENS_H_
