#include "services/rpc/page.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/rpc/limits.h"

namespace signet::rpc {

absl::StatusOr<int> PageSize(int32_t asked) {
  if (asked == 0) return kDefaultPageSize;
  if (asked > 0 && asked <= kMaxListed) return asked;
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat("page_size ", asked, " is not 1 to ", kMaxListed));
}

std::string EncodePageToken(absl::string_view list, absl::string_view position) {
  return position.empty() ? "" : absl::WebSafeBase64Escape(absl::StrCat(list, ":", position));
}

absl::StatusOr<std::string> DecodePageToken(absl::string_view list, absl::string_view token) {
  if (token.empty()) return std::string();
  std::string decoded;
  if (token.size() <= kMaxPageTokenBytes && absl::WebSafeBase64Unescape(token, &decoded)) {
    absl::string_view position = decoded;
    if (absl::ConsumePrefix(&position, absl::StrCat(list, ":")) && !position.empty()) return std::string(position);
  }
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       "page_token is not one that this list gave", "leave page_token empty for the first page");
}

}  // namespace signet::rpc
