// PEM text encoding, RFC 7468, read strictly and in linear time.
#ifndef SIGNET_SERVICES_X509_PEM_H_
#define SIGNET_SERVICES_X509_PEM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::x509 {

inline constexpr char kCertificateLabel[] = "CERTIFICATE";
inline constexpr char kCertificateRequestLabel[] = "CERTIFICATE REQUEST";

// One BEGIN/END block.
struct PemBlock {
  std::string label;
  std::string der;
};

// What a caller will read at most.
struct PemLimits {
  std::size_t bytes = 64 * 1024;
  std::size_t blocks = 16;
};

// All blocks of `text`. Explanatory text between blocks is skipped (RFC 7468 section 5.2); headers inside a block
// (encrypted keys), bad base64, a BEGIN without its END and a NUL are INVALID_ARGUMENT / MALFORMED, naming the line.
absl::StatusOr<std::vector<PemBlock>> ParsePem(absl::string_view text, const PemLimits& limits = {});

// Exactly one block with this label and nothing but whitespace around it; its DER.
absl::StatusOr<std::string> ParseSinglePem(absl::string_view text, absl::string_view label,
                                           const PemLimits& limits = {});

// 64 characters a line, final newline.
std::string EncodePem(absl::string_view label, absl::string_view der);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_PEM_H_
