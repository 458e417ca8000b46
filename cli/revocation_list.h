// An authority's certificate revocation list, fetched.
#ifndef SIGNET_CLI_REVOCATION_LIST_H_
#define SIGNET_CLI_REVOCATION_LIST_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"
#include "signet/v1/revocation.pb.h"

namespace signet::cli {

// `authority`: empty, or as AuthorityIdOf() takes it. DATA_LOSS unless the answer is one X509 CRL PEM block.
absl::StatusOr<v1::GetRevocationListResponse> FetchRevocationList(Session& session, absl::string_view authority);

}  // namespace signet::cli

#endif  // SIGNET_CLI_REVOCATION_LIST_H_
