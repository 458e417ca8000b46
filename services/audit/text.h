// Text that came from outside, made fit for a record.
#ifndef SIGNET_SERVICES_AUDIT_TEXT_H_
#define SIGNET_SERVICES_AUDIT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace signet::audit {

// Valid UTF-8 (RFC 3629), as proto3 strings must be, of at most `limit` bytes, cut between characters. Each byte that
// belongs to no character becomes U+FFFD.
std::string FitText(absl::string_view text, std::size_t limit);

}  // namespace signet::audit

#endif  // SIGNET_SERVICES_AUDIT_TEXT_H_
