// Who keeps a gate closed, and what a step does, for people.
#ifndef SIGNET_CLI_BLOCKERS_H_
#define SIGNET_CLI_BLOCKERS_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "signet/v1/rotation.pb.h"

namespace signet::cli {

using Blockers = google::protobuf::RepeatedPtrField<v1::RotationBlocker>;

// Who: the names as a hostlist, or the word for a blocker without any ("hold").
std::string WhoBlocks(const v1::RotationBlocker& blocker);

// A row for each: who, how many, since when, when it ends by itself, and why; then what to type, once each.
std::string BlockerRows(const Blockers& blockers, absl::Time now);

// The steps, numbered, the trust bundle's generation afterwards, and the blockers: `done`, those that force passed
// over, else those that keep the gate closed.
std::string PlanText(const v1::RotationPlan& plan, bool done, absl::Time now);

}  // namespace signet::cli

#endif  // SIGNET_CLI_BLOCKERS_H_
