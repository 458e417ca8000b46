// An authority with what only the store knows of it.
#ifndef SIGNET_SERVICES_RPC_DESCRIBE_AUTHORITY_H_
#define SIGNET_SERVICES_RPC_DESCRIBE_AUTHORITY_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/authority/authority.h"
#include "services/store/tables.h"
#include "signet/v1/authority.pb.h"

namespace signet::rpc {

// All fields, live_certificates as of `now`. Counts through an index: as cheap for a million certificates as for ten.
absl::StatusOr<v1::Authority> DescribeAuthority(const store::Tables& tables, const authority::Authority& authority,
                                                bool with_certificate, absl::Time now);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_DESCRIBE_AUTHORITY_H_
