// What follows from one name's rows: the sentences of an Explanation.
#ifndef SIGNET_SERVICES_ENROLLMENT_FINDINGS_H_
#define SIGNET_SERVICES_ENROLLMENT_FINDINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/enrollment/explanation.h"
#include "services/store/rows.h"

namespace signet::enrollment {

// What the findings are judged by, beside the explanation's own rows.
struct FindingGround {
  std::string node;
  absl::Time now;
  uint64_t bundle_generation = 0;       // the newest
  std::vector<std::string> near_names;  // known names that are easily mistaken for this one
  // Of the identity key that the newest used token of a name outside of the ledger admitted.
  store::EndedBy used_key_ended_by = store::EndedBy::kNothing;
  // By daemon, in the order of Explanation::daemons: identity keys admitted in the last 24 hours.
  std::vector<int64_t> keys_of_a_day;
  // By daemon too: how long its newest certificate lasts in all. What is late is measured by it, since the renewal
  // period is Slurm's setting and not known here.
  std::vector<absl::Duration> lives;
};

// "2026-11-22 03:12:00 UTC (2 hours ago)", "(in 3 days)".
std::string When(absl::Time time, absl::Time now);

// From block, ledger, tokens and approvals; in no order. None when all is well.
std::vector<Finding> LedgerFindings(const Explanation& explanation, const FindingGround& ground);
// From the refusals that no later success has made history and that explanation.findings does not tell already; newest
// first, one for each reason.
std::vector<Finding> RefusalFindings(const Explanation& explanation, const FindingGround& ground);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_FINDINGS_H_
