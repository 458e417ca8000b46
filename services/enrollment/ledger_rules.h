// The rules by which the ledger admits a verified statement; docs/life-of-a-request.md tells them in order.
#ifndef SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_
#define SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/enrollment/gatekeeper.h"
#include "services/evidence/statement.h"
#include "services/store/store.h"

namespace signet::enrollment {

// New identity keys that one boot or reusable token's node may bring within an hour.
inline constexpr int kMostNewKeysPerHour = 6;

// An admission, and the rows it was read from: what Gatekeeper::Admit changes.
struct Verdict {
  Admission admission;
  std::optional<store::NodeRow> node;
  std::optional<store::TokenRow> token;  // set when the token admits a new identity key
};

// Changes nothing. The statement's own signatures, times and bindings were checked by Gatekeeper::Examine; the token's
// signature is checked here, against the ledger's public key.
absl::StatusOr<Verdict> JudgeByLedger(const store::Tables& tables, const evidence::SignedStatement& signed_statement,
                                      absl::Time now);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_LEDGER_RULES_H_
