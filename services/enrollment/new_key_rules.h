// What admits an identity key that the ledger does not know: an approval, else a token, else a pod. Internal to
// enrollment/.
#ifndef SIGNET_SERVICES_ENROLLMENT_NEW_KEY_RULES_H_
#define SIGNET_SERVICES_ENROLLMENT_NEW_KEY_RULES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/enrollment/ledger_rules.h"

namespace signet::enrollment {

// `node`: the ledger's row of the statement's node and daemon. Sets `proven_key` as soon as the requester has proved to
// be that node, whatever the verdict.
absl::StatusOr<Verdict> JudgeNewKey(const store::Tables& tables, const Claim& claim,
                                    const std::optional<store::NodeRow>& node, absl::Time now, std::string& proven_key);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_NEW_KEY_RULES_H_
