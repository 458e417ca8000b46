// What parses as a certificate keeps the promises of certificate.h, and OpenSSL, where it reads it too, reads the same.
#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "absl/strings/string_view.h"
#include "services/base/reason.h"
#include "services/x509/certificate.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

bool SameTime(const ASN1_TIME* time, absl::Time expected) {
  std::tm fields{};
  return ASN1_TIME_to_tm(time, &fields) == 1 && absl::FromTM(fields, absl::UTCTimeZone()) == expected;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto certificate = signet::x509::Certificate::FromDer(input);
  if (!certificate.ok()) {
    Require(certificate.status().code() == absl::StatusCode::kInvalidArgument);
    Require(!signet::base::ReasonOf(certificate.status()).empty());
    return 0;
  }
  Require(certificate->der() == input);
  Require(!certificate->serial().empty() && !certificate->tbs_der().empty());
  // Neither verdict is known; both must come to an end.
  signet::x509::VerifyChain(*certificate, {*certificate}, {*certificate}, absl::UnixEpoch()).IgnoreError();
  const std::shared_ptr<X509> theirs = certificate->ParseWithOpenssl();
  if (theirs == nullptr) return 0;
  Require(((X509_get_extension_flags(theirs.get()) & EXFLAG_CA) != 0) == certificate->is_ca());
  Require(SameTime(X509_get0_notBefore(theirs.get()), certificate->not_before()));
  Require(SameTime(X509_get0_notAfter(theirs.get()), certificate->not_after()));
  // Without the extension OpenSSL says that every use is allowed.
  Require(((X509_get_key_usage(theirs.get()) & KU_DIGITAL_SIGNATURE) != 0) == certificate->allows_digital_signature());
  return 0;
}
