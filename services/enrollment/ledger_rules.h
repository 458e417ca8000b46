// The rules by which the ledger admits a verified statement; docs/life-of-a-request.md tells them in order.
#ifndef SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_
#define SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/enrollment/gatekeeper.h"
#include "services/store/store.h"

namespace signet::enrollment {

// New identity keys that one boot or reusable token's node may bring within an hour.
inline constexpr int kMostNewKeysPerHour = 6;

// An admission, and the rows it was read from: what Gatekeeper::Admit changes.
struct Verdict {
  Admission admission;
  std::optional<store::NodeRow> node;
  std::optional<store::IdentityRow> identity;  // set when it is new: the row to insert
  std::optional<store::TokenRow> token;        // that admits it
};

// As Judgment, of a Verdict.
struct LedgerJudgment {
  absl::StatusOr<Verdict> verdict;
  std::string proven_key;
  bool wants_pod = false;
};

// Changes nothing. The statement's own signatures, times and bindings were checked by Gatekeeper::Examine; the token's
// signature is checked here, against the ledger's public key.
LedgerJudgment JudgeByLedger(const store::Tables& tables, const Claim& claim, absl::Time now);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_
