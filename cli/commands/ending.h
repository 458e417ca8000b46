// What blocking or forgetting nodes ends.
#ifndef SIGNET_CLI_COMMANDS_ENDING_H_
#define SIGNET_CLI_COMMANDS_ENDING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"

namespace signet::cli {

// A dry run, from the lists: the daemons of `nodes` whose identity keys would end and the open tokens that would be
// revoked.
absl::Status PrintWhatWouldEnd(Session& session, absl::string_view verb, const std::vector<std::string>& nodes);

}  // namespace signet::cli

#endif  // SIGNET_CLI_COMMANDS_ENDING_H_
