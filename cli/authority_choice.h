// Which authority a command is about.
#ifndef SIGNET_CLI_AUTHORITY_CHOICE_H_
#define SIGNET_CLI_AUTHORITY_CHOICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"
#include "signet/v1/authority.pb.h"

namespace signet::cli {

// Lower case. 8 to 32 hex digits: an authority's id or its beginning; a usage error otherwise.
absl::StatusOr<std::string> AuthorityIdOf(absl::string_view text);

// The one authority whose id begins so, from the server's list. NOT_FOUND, or a usage error when two begin so.
absl::StatusOr<v1::Authority> FindAuthority(Session& session, absl::string_view text);

}  // namespace signet::cli

#endif  // SIGNET_CLI_AUTHORITY_CHOICE_H_
