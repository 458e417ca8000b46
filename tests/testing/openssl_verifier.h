// OpenSSL's verdict on a chain, asked as s2n asks it.
#ifndef SIGNET_TESTS_TESTING_OPENSSL_VERIFIER_H_
#define SIGNET_TESTS_TESTING_OPENSSL_VERIFIER_H_

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "services/x509/certificate.h"

namespace signet::testing {

// Whether who trusts `anchors` accepts `leaf` with `above` behind it, at `now`, from a peer of this purpose:
// X509_PURPOSE_SSL_SERVER or X509_PURPOSE_SSL_CLIENT. Partial chains are allowed, and seven certificates at most.
inline bool OpensslAccepts(const x509::Certificate& leaf, const std::vector<x509::Certificate>& above,
                           const std::vector<x509::Certificate>& anchors, int purpose, absl::Time now) {
  if (1 + above.size() > 7) return false;
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  for (const x509::Certificate& anchor : anchors) X509_STORE_add_cert(store.get(), anchor.ParseWithOpenssl().get());
  const std::shared_ptr<X509> subject = leaf.ParseWithOpenssl();
  std::vector<std::shared_ptr<X509>> parsed;
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> chain(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (const x509::Certificate& one : above) {
    parsed.push_back(one.ParseWithOpenssl());
    sk_X509_push(chain.get(), parsed.back().get());
  }
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), subject.get(), chain.get());
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(now));
  return X509_verify_cert(context.get()) == 1;
}

// From servers and from clients.
inline bool OpensslAcceptsBothWays(const x509::Certificate& leaf, const std::vector<x509::Certificate>& above,
                                   const std::vector<x509::Certificate>& anchors, absl::Time now) {
  return OpensslAccepts(leaf, above, anchors, X509_PURPOSE_SSL_SERVER, now) &&
         OpensslAccepts(leaf, above, anchors, X509_PURPOSE_SSL_CLIENT, now);
}

// Neither from servers nor from clients.
inline bool OpensslRefusesBothWays(const x509::Certificate& leaf, const std::vector<x509::Certificate>& above,
                                   const std::vector<x509::Certificate>& anchors, absl::Time now) {
  return !OpensslAccepts(leaf, above, anchors, X509_PURPOSE_SSL_SERVER, now) &&
         !OpensslAccepts(leaf, above, anchors, X509_PURPOSE_SSL_CLIENT, now);
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_OPENSSL_VERIFIER_H_
