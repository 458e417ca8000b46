// Pages of a list: bounded sizes, opaque tokens.
#ifndef SIGNET_SERVICES_RPC_PAGE_H_
#define SIGNET_SERVICES_RPC_PAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::rpc {

// 0 means kDefaultPageSize; INVALID_ARGUMENT / MALFORMED below 0 or above kMaxListed.
absl::StatusOr<int> PageSize(int32_t asked);

// A page token for clients. `list` names the list it belongs to; an empty `position` (the last page) gives an empty
// token.
std::string EncodePageToken(absl::string_view list, absl::string_view position);
// The position in a token that EncodePageToken made for this list; INVALID_ARGUMENT / MALFORMED otherwise.
absl::StatusOr<std::string> DecodePageToken(absl::string_view list, absl::string_view token);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_PAGE_H_
