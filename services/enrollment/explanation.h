// Why a node gets a certificate, or does not, and what to type.
#ifndef SIGNET_SERVICES_ENROLLMENT_EXPLANATION_H_
#define SIGNET_SERVICES_ENROLLMENT_EXPLANATION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/store.h"

namespace signet::enrollment {

enum class Severity { kOk = 1, kWarning = 2, kError = 3 };

// One thing that is so.
struct Finding {
  Severity severity = Severity::kOk;
  std::string code;   // a reason of services/base/reason.h, or one of docs/troubleshooting.md
  std::string cause;  // one sentence
  std::string next;   // the command to type; may be empty
};

struct ExplainedDaemon {
  store::NodeRow node;
  store::IdentityRow identity;  // of node.key_id
  int64_t identities = 0;       // how many it ever had
};

// All that is known of one name, from one snapshot.
struct Explanation {
  std::vector<ExplainedDaemon> daemons;  // slurmd, then sackd
  std::optional<store::BlockRow> block;
  std::vector<store::TokenRow> tokens;  // newest first, at most 10
  std::vector<store::ApprovalRow> approvals;
  std::vector<store::RefusalRow> refusals;  // newest first
  std::vector<Finding> findings;            // most urgent first, at least one
};

// Changes nothing. INVALID_ARGUMENT for what is no NodeName; a name that nobody knows is explained as such.
absl::StatusOr<Explanation> Explain(const store::Tables& tables, absl::string_view node, absl::Time now);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_EXPLANATION_H_
