// VerifyChain: what certificate.h promises about chains.
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"
#include "services/x509/name.h"
#include "services/x509/openssl.h"

namespace signet::x509 {
namespace {

constexpr int kMaxDepth = 7;       // s2n's own limit
constexpr int kSecurityLevel = 2;  // 112 bits: no SHA-1 signature, no RSA under 2048, as s2n
constexpr char kTimeFormat[] = "%Y-%m-%d %H:%M:%S UTC";

absl::Status Refused(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("certificate chain: ", problem));
}

std::string TimeText(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return "an unreadable time";
  return absl::FormatTime(kTimeFormat, absl::FromTM(fields, absl::UTCTimeZone()), absl::UTCTimeZone());
}

std::string NameText(const X509_NAME* name) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &bytes, &size) != 1) return "(unreadable name)";
  return NameTextFromDer(absl::string_view(reinterpret_cast<const char*>(bytes), size));
}

absl::Status Explain(X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  const X509* at = X509_STORE_CTX_get_current_cert(context);
  if (at == nullptr) return Refused(X509_verify_cert_error_string(error));
  const std::string subject = NameText(X509_get_subject_name(at));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Refused(absl::StrCat(subject, " expired on ", TimeText(X509_get0_notAfter(at))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Refused(absl::StrCat(subject, " is not yet valid until ", TimeText(X509_get0_notBefore(at))));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return Refused(absl::StrCat("no anchor for issuer ", NameText(X509_get_issuer_name(at))));
    default:
      return Refused(absl::StrCat(subject, ": ", X509_verify_cert_error_string(error)));
  }
}

absl::Status VerifyFor(int purpose, X509* leaf, STACK_OF(X509) * intermediates, X509_STORE* store, bool partial_chain,
                       absl::Time now) {
  const OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), store, leaf, intermediates) != 1 ||
      X509_STORE_CTX_set_purpose(context.get(), purpose) != 1) {
    return Refused("out of memory");
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(parameters, kMaxDepth);
  X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  if (partial_chain) X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  return Explain(context.get());
}

}  // namespace

absl::Status VerifyChain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                         const std::vector<Certificate>& anchors, absl::Time now) {
  const OpensslErrorScope errors;
  const OpensslPtr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  // Borrowed certificates: only the stack itself is freed.
  const auto free_stack = [](STACK_OF(X509) * stack) { sk_X509_free(stack); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_stack)> untrusted(sk_X509_new_null(), free_stack);
  if (store == nullptr || untrusted == nullptr) return Refused("out of memory");
  // A CA below a root is an anchor of its own only when the bundle holds it, as s2n has it. A leaf never is.
  bool partial_chain = false;
  for (const Certificate& anchor : anchors) {
    if (!anchor.is_ca()) continue;
    if (X509_STORE_add_cert(store.get(), anchor.x509()) != 1) return Refused("out of memory");
    partial_chain = partial_chain || !anchor.self_signed();
  }
  for (const Certificate& intermediate : intermediates) {
    if (sk_X509_push(untrusted.get(), intermediate.x509()) == 0) return Refused("out of memory");
  }
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    SIGNET_RETURN_IF_ERROR(VerifyFor(purpose, leaf.x509(), untrusted.get(), store.get(), partial_chain, now));
  }
  return absl::OkStatus();
}

}  // namespace signet::x509
