#include "cli/authority_choice.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/failure.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr char kList[] = "signetctl authority list";

}  // namespace

absl::StatusOr<std::string> AuthorityIdOf(absl::string_view text) {
  if (text.size() < 8 || text.size() > 32 || !std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) {
    return UsageError("an authority's id is 32 hex digits, of which the first 8 or more will do", kList);
  }
  return absl::AsciiStrToLower(text);
}

absl::StatusOr<v1::Authority> FindAuthority(Session& session, absl::string_view text) {
  SIGNET_ASSIGN_OR_RETURN(const std::string id, AuthorityIdOf(text));
  SIGNET_ASSIGN_OR_RETURN(const v1::ListAuthoritiesResponse list,
                          session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest()));
  std::optional<v1::Authority> found;
  for (const v1::Authority& authority : list.authorities()) {
    if (!absl::StartsWith(authority.id(), id)) continue;
    if (found.has_value()) return UsageError(absl::StrCat("two authorities' ids begin with ", id), kList);
    found = authority;
  }
  if (!found.has_value()) {
    return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, absl::StrCat("no authority has the id ", id),
                         kList);
  }
  return *found;
}

}  // namespace signet::cli
