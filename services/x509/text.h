// What characters names may hold. Internal to x509/.
#ifndef SIGNET_SERVICES_X509_TEXT_H_
#define SIGNET_SERVICES_X509_TEXT_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"

namespace signet::x509 {

// The number of characters of well-formed UTF-8 (RFC 3629) without NUL or control characters (C0, DEL, C1); nullopt for
// the rest.
std::optional<std::size_t> CountUtf8(absl::string_view text);

// X.680 section 41.4: letters, digits, space and '()+,-./:=?
bool IsPrintableString(absl::string_view text);

// 1–253 characters of [A-Za-z0-9._-] without an empty label: what Signet reads and writes as a dNSName. No wildcard.
bool IsDnsName(absl::string_view text);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_TEXT_H_
