#include "cli/token_id.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "cli/failure.h"

namespace signet::cli {

absl::StatusOr<std::string> TokenIdOf(absl::string_view text) {
  if (text.size() != 32 || !std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) {
    return UsageError("a token id is 32 hex digits", "signetctl token list -o name");
  }
  return absl::AsciiStrToLower(text);
}

}  // namespace signet::cli
