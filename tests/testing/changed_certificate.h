// Certificates that no template makes: a good one with a change to it, signed again.
#ifndef SIGNET_TESTS_TESTING_CHANGED_CERTIFICATE_H_
#define SIGNET_TESTS_TESTING_CHANGED_CERTIFICATE_H_

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::testing {

inline absl::StatusOr<x509::Certificate> Changed(const x509::Certificate& good,
                                                 const std::function<void(X509*)>& change, const keys::PrivateKey& key,
                                                 const EVP_MD* digest = EVP_sha256()) {
  X509* copy = X509_dup(good.ParseWithOpenssl().get());
  change(copy);
  X509_sign(copy, key.evp(), digest);
  unsigned char* der = nullptr;
  const int size = i2d_X509(copy, &der);
  const std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  X509_free(copy);
  return x509::Certificate::FromDer(bytes);
}

inline void RemoveExtension(X509* certificate, int nid) {
  X509_EXTENSION_free(X509_delete_ext(certificate, X509_get_ext_by_NID(certificate, nid, -1)));
}

// `value` as openssl.cnf writes it.
inline void AddExtension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void ReplaceExtension(X509* certificate, int nid, const char* value) {
  RemoveExtension(certificate, nid);
  AddExtension(certificate, nid, value);
}

// The authorityKeyIdentifier also names the issuer and the serial of `issuer`'s own certificate.
inline void NameIssuerAndSerial(X509* certificate, const x509::Certificate& issuer) {
  const auto parsed = issuer.ParseWithOpenssl();
  X509V3_CTX context;
  X509V3_set_ctx(&context, parsed.get(), certificate, nullptr, nullptr, 0);
  RemoveExtension(certificate, NID_authority_key_identifier);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always,issuer:always");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void SetSerial(X509* certificate, const char* hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, hex);
  ASN1_INTEGER* serial = BN_to_ASN1_INTEGER(number, nullptr);
  X509_set_serialNumber(certificate, serial);
  ASN1_INTEGER_free(serial);
  BN_free(number);
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_CHANGED_CERTIFICATE_H_
