// Ownership of OpenSSL's objects. For the folders that may include OpenSSL.
#ifndef SIGNET_SERVICES_X509_OPENSSL_H_
#define SIGNET_SERVICES_X509_OPENSSL_H_

#include <openssl/err.h>

#include <memory>

namespace signet::x509 {

// Calls a C function to free what a unique_ptr owns: OpensslPtr<BIGNUM, BN_free>.
template <auto kFree>
struct OpensslDelete {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <typename T, auto kFree>
using OpensslPtr = std::unique_ptr<T, OpensslDelete<kFree>>;

// Leaves the thread's OpenSSL error queue empty: TLS connections on the same thread read it.
class OpensslErrorScope {
 public:
  OpensslErrorScope() = default;
  ~OpensslErrorScope() { ERR_clear_error(); }
  OpensslErrorScope(const OpensslErrorScope&) = delete;
  OpensslErrorScope& operator=(const OpensslErrorScope&) = delete;
};

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_OPENSSL_H_
