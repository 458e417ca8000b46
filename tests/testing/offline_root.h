// Authorities that are signed, or run, elsewhere.
#ifndef SIGNET_TESTS_TESTING_OFFLINE_ROOT_H_
#define SIGNET_TESTS_TESTING_OFFLINE_ROOT_H_

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "services/base/random.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/x509/certificate.h"
#include "tests/testing/must.h"
#include "tests/testing/test_root.h"

namespace signet::testing {

// What `issuer` makes of a request: a CA without pathlen, from a day ago.
inline x509::Certificate SignAuthority(const TestRoot& issuer, const std::string& spki_der, absl::string_view subject,
                                       absl::Time now, absl::Duration lifetime = absl::Hours(24 * 1000)) {
  const x509::PublicKey key = Must(x509::PublicKey::FromSpkiDer(spki_der));
  x509::CertificateTemplate made =
      Must(policy::RootTemplate(subject, lifetime, key, base::SystemRandom().Bytes(20), now));
  made.issuer_der = issuer.certificate.subject_der();
  made.authority_key_id = issuer.certificate.subject_key_id();
  return SignTemplate(made, issuer.key);
}

inline std::string PemOf(const std::vector<x509::Certificate>& chain) {
  std::string pem;
  for (const x509::Certificate& one : chain) pem += one.pem();
  return pem;
}

inline keys::PrivateKey RsaKey(unsigned bits) {
  EVP_PKEY* made = EVP_RSA_gen(bits);
  unsigned char* der = nullptr;
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(made);
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  keys::PrivateKey key = Must(keys::PrivateKey::FromPkcs8Der(
      base::SecretBytes(absl::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)))));
  OPENSSL_free(der);
  PKCS8_PRIV_KEY_INFO_free(info);
  EVP_PKEY_free(made);
  return key;
}

// A CA as a lab runs it, with a key of any kind: our templates make P-256 and P-384 roots only.
inline TestRoot MakeRunningCa(const keys::PrivateKey& key, absl::string_view subject, absl::Time now,
                              absl::Duration lifetime = absl::Hours(24 * 3650)) {
  const TestRoot usual = MakeTestRoot(now, lifetime, x509::KeyType::kEcP256, subject);
  x509::CertificateTemplate made =
      Must(policy::RootTemplate(subject, lifetime, usual.key.public_key(), base::SystemRandom().Bytes(20), now));
  made.spki_der = key.public_key().spki_der();
  made.subject_key_id = x509::KeyIdentifier(key.public_key());
  return {key, SignTemplate(made, key)};
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_OFFLINE_ROOT_H_
