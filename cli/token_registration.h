// Tells signetd the public halves of tokens.
#ifndef SIGNET_CLI_TOKEN_REGISTRATION_H_
#define SIGNET_CLI_TOKEN_REGISTRATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

// What the server said.
struct Registration {
  std::string cluster;
  std::string bundle_pin;         // raw
  std::vector<v1::Token> tokens;  // in the order asked
};

// Sends `tokens` in calls of at most 1000, two at a time. With `dry_run` the server judges and registers nothing.
// Repeating it is safe: a token is known by its key. `registered`, when given, counts what the server took before an
// error. DATA_LOSS when the answer is about other tokens.
absl::StatusOr<Registration> RegisterTokens(Session& session, const std::vector<v1::NewToken>& tokens, bool dry_run,
                                            std::size_t* registered = nullptr);

}  // namespace signet::cli

#endif  // SIGNET_CLI_TOKEN_REGISTRATION_H_
