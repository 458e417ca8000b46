// OpenSSL's objects in smart pointers; those that may hold a secret are wiped when they go.
#ifndef SIGNET_SERVICES_KEYS_OPENSSL_H_
#define SIGNET_SERVICES_KEYS_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/x509/openssl.h"

namespace signet::keys {

using BioPtr = x509::OpensslPtr<BIO, BIO_free>;
using SecretBnPtr = x509::OpensslPtr<BIGNUM, BN_clear_free>;
using BnCtxPtr = x509::OpensslPtr<BN_CTX, BN_CTX_free>;
using GroupPtr = x509::OpensslPtr<EC_GROUP, EC_GROUP_free>;
using PointPtr = x509::OpensslPtr<EC_POINT, EC_POINT_free>;
using KeyPtr = x509::OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using KeyCtxPtr = x509::OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestCtxPtr = x509::OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherCtxPtr = x509::OpensslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using KdfPtr = x509::OpensslPtr<EVP_KDF, EVP_KDF_free>;
using KdfCtxPtr = x509::OpensslPtr<EVP_KDF_CTX, EVP_KDF_CTX_free>;
using ParamBuilderPtr = x509::OpensslPtr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = x509::OpensslPtr<OSSL_PARAM, OSSL_PARAM_free>;
// PKCS8_PRIV_KEY_INFO_free wipes the key octets.
using Pkcs8Ptr = x509::OpensslPtr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

// INTERNAL, for an operation that fails only when OpenSSL itself is broken or out of memory. OpenSSL's error queue is
// emptied, so that it cannot speak about another call later.
inline absl::Status OpensslFailed(absl::string_view doing) {
  ERR_clear_error();
  return absl::InternalError(absl::StrCat("openssl could not ", doing));
}

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_OPENSSL_H_
