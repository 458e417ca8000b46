// A root and its key in memory, for tests below the store.
#ifndef SIGNET_TESTS_TESTING_TEST_ROOT_H_
#define SIGNET_TESTS_TESTING_TEST_ROOT_H_

#include <string>

#include "services/base/random.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "tests/testing/must.h"

namespace signet::testing {

// `signer` signs `certificate` as it is: nothing is judged.
inline x509::Certificate SignTemplate(const x509::CertificateTemplate& certificate, const keys::Signer& signer) {
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(signer.public_key());
  const std::string tbs = Must(x509::EncodeTbs(certificate, algorithm));
  const std::string signature = Must(signer.Sign(algorithm, tbs));
  return Must(x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, signature)));
}

struct TestRoot {
  keys::PrivateKey key;
  x509::Certificate certificate;
};

inline TestRoot MakeTestRoot(absl::Time now, absl::Duration lifetime = absl::Hours(24 * 3650),
                             x509::KeyType type = x509::KeyType::kEcP256,
                             absl::string_view subject = "CN=Test CA,O=Example") {
  base::SystemRandom random;
  keys::PrivateKey key = Must(keys::PrivateKey::Generate(type));
  const auto root = Must(policy::RootTemplate(subject, lifetime, key.public_key(), random.Bytes(20), now));
  x509::Certificate certificate = SignTemplate(root, key);
  return {std::move(key), std::move(certificate)};
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_TEST_ROOT_H_
