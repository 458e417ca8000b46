// Registers the public halves of tokens.
#ifndef SIGNET_SERVICES_ENROLLMENT_TOKENS_H_
#define SIGNET_SERVICES_ENROLLMENT_TOKENS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/base/clock.h"
#include "services/evidence/token.h"
#include "services/store/store.h"

namespace signet::enrollment {

struct NewToken {
  std::string node;
  std::string daemon;
  evidence::TokenKind kind = evidence::TokenKind::kSingleUse;
  std::string spki_der;
  absl::Duration ttl;  // zero: the default of the kind
  std::string label;   // at most 64 of [A-Za-z0-9._:=/-]
};

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
  // is named (the first 40; then how many more). `dry_run` judges only. A caller whose role is "provisioner" makes boot
  // tokens for nodes of its hostlist in the ledger and nothing else (PERMISSION_DENIED / NOT_YOUR_NODE, naming the
  // nodes beyond it); every role but that and "admin" is refused.
  absl::StatusOr<std::vector<store::TokenRow>> Create(const std::vector<NewToken>& tokens, bool dry_run,
                                                      const audit::Origin& origin);
  // Those of the ids named that are neither revoked nor expired, and the open ones of the nodes named and of the label;
  // NOT_FOUND for an id that does not exist (then none is revoked). Their number.
  absl::StatusOr<int64_t> Revoke(const std::vector<std::string>& ids, const std::vector<std::string>& nodes,
                                 absl::string_view label, const audit::Origin& origin);

 private:
  audit::AuditLog& audit_;
  store::Store& store_;
  base::Clock& clock_;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_TOKENS_H_
