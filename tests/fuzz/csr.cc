// What parses as a certificate request keeps the promises of certificate_request.h.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "services/base/reason.h"
#include "services/x509/certificate_request.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

void Check(const absl::StatusOr<signet::x509::CertificateRequest>& request) {
  if (!request.ok()) {
    Require(request.status().code() == absl::StatusCode::kInvalidArgument);
    Require(!signet::base::ReasonOf(request.status()).empty());
    return;
  }
  // 64 characters of UTF-8 are at most 256 bytes.
  Require(!request->common_name().empty() && request->common_name().size() <= 256);
  Require(request->common_name().find('\0') == std::string::npos);
  Require(request->public_key().type() != signet::x509::KeyType::kOther);
  Require(signet::x509::PublicKey::FromSpkiDer(request->public_key().spki_der()).ok());
  Require(!request->statement().has_value() || !request->statement()->empty());
  for (const std::string& name : request->dns_names()) Require(!name.empty() && name.size() <= 253);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  Check(signet::x509::CertificateRequest::FromDer(input));
  Check(signet::x509::CertificateRequest::FromPem(input));
  return 0;
}
