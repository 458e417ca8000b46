#include "services/x509/tls_use.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/certificate_fields.h"

namespace signet::x509 {
namespace {

constexpr int kLeastRsaBits = 2048;  // 112 bits
constexpr char kServerAuthOid[] = "1.3.6.1.5.5.7.3.1";
constexpr char kClientAuthOid[] = "1.3.6.1.5.5.7.3.2";

bool Allows(const Certificate& certificate, absl::string_view usage) {
  const std::vector<std::string>& usages = certificate.extended_key_usages();
  return usages.empty() || std::find(usages.begin(), usages.end(), usage) != usages.end();
}

}  // namespace

absl::Status CheckTlsUse(const Certificate& certificate, TlsUse use) {
  const auto refused = [&certificate](absl::string_view problem) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(certificate.subject(), problem));
  };
  if (const std::string& oid = certificate.fields().unknown_critical; !oid.empty()) {
    return refused(absl::StrCat(": extension ", oid, " must not be passed over, and nothing here reads it"));
  }
  const KeyType type = certificate.public_key().type();
  if ((type == KeyType::kRsa || type == KeyType::kRsaPss) && certificate.public_key().bits() < kLeastRsaBits) {
    return refused(absl::StrCat(": its RSA key of ", certificate.public_key().bits(), " bits is too weak"));
  }
  const bool serves = use == TlsUse::kClient || Allows(certificate, kServerAuthOid);
  if (serves && Allows(certificate, kClientAuthOid)) return absl::OkStatus();
  return refused(absl::StrCat(": its purpose (extendedKeyUsage) is not TLS ",
                              use == TlsUse::kClient ? "as a client" : "in both directions"));
}

}  // namespace signet::x509
