// Token ids as people type them.
#ifndef SIGNET_CLI_TOKEN_ID_H_
#define SIGNET_CLI_TOKEN_ID_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::cli {

// 32 hex digits, either case; in lower case. A usage error otherwise.
absl::StatusOr<std::string> TokenIdOf(absl::string_view text);

}  // namespace signet::cli

#endif  // SIGNET_CLI_TOKEN_ID_H_
