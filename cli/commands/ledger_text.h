// One node's ledger, for people.
#ifndef SIGNET_CLI_COMMANDS_LEDGER_TEXT_H_
#define SIGNET_CLI_COMMANDS_LEDGER_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

// "label:  value" lines of one daemon.
std::string NodeText(const v1::Node& node, absl::Time now);

}  // namespace signet::cli

#endif  // SIGNET_CLI_COMMANDS_LEDGER_TEXT_H_
