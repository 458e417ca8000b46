#include "services/rpc/describe_authority.h"

#include <algorithm>
#include <vector>

#include "services/authority/custody_label.h"
#include "services/base/status_macros.h"
#include "services/rpc/convert.h"

namespace signet::rpc {
namespace {

// A revoked authority's key is not opened, and is there until it is destroyed.
absl::StatusOr<bool> KeyAwaitsDestruction(const store::Tables& tables, const authority::Authority& authority) {
  if (authority.state != store::AuthorityState::kRevoked) return false;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
  return std::any_of(rows.begin(), rows.end(), [&authority](const store::AuthorityRow& row) {
    return row.id == authority.id && row.custody != authority::kForeignCustody;
  });
}

}  // namespace

absl::StatusOr<v1::Authority> DescribeAuthority(const store::Tables& tables, const authority::Authority& authority,
                                                bool with_certificate, absl::Time now) {
  v1::Authority message = ToProto(authority, with_certificate);
  SIGNET_ASSIGN_OR_RETURN(const int64_t live, tables.certificates().CountLive(authority.id, now));
  message.set_live_certificates(live);
  SIGNET_ASSIGN_OR_RETURN(const bool awaits, KeyAwaitsDestruction(tables, authority));
  if (awaits) message.set_has_key(true);
  return message;
}

}  // namespace signet::rpc
