// Authorities in memory, and leaves under them, for tests below the store.
#ifndef SIGNET_TESTS_SERVICES_AUTHORITY_MADE_AUTHORITY_H_
#define SIGNET_TESTS_SERVICES_AUTHORITY_MADE_AUTHORITY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/authority/authority.h"
#include "services/authority/cross.h"
#include "services/policy/profile.h"
#include "tests/testing/must.h"
#include "tests/testing/test_root.h"

namespace signet::authority {

inline Authority AuthorityOf(const keys::PrivateKey& key, const x509::Certificate& certificate,
                             const std::vector<x509::Certificate>& intermediates, const x509::Certificate& anchor) {
  return {key.public_key().key_id(),
          store::Purpose::kSlurm,
          store::AuthorityState::kRetired,
          certificate,
          std::make_shared<const keys::PrivateKey>(key),
          {},
          anchor,
          intermediates};
}

// A root that is RETIRED, as who signed a cross certificate is.
inline Authority MakeRootAuthority(absl::string_view subject, absl::Time now,
                                   absl::Duration lifetime = absl::Hours(24 * 3650)) {
  const testing::TestRoot root = testing::MakeTestRoot(now, lifetime, x509::KeyType::kEcP256, subject);
  return AuthorityOf(root.key, root.certificate, {}, root.certificate);
}

// One whose certificate `root`, somewhere offline, signed.
inline Authority MakeSubordinate(absl::string_view subject, const testing::TestRoot& root, absl::Time now) {
  const keys::PrivateKey key = testing::Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  x509::CertificateTemplate own = testing::Must(
      policy::RootTemplate(subject, absl::Hours(24 * 1000), key.public_key(), base::SystemRandom().Bytes(20), now));
  own.issuer_der = root.certificate.subject_der();
  own.authority_key_id = root.certificate.subject_key_id();
  const x509::Certificate certificate = testing::SignTemplate(own, root.key);
  return AuthorityOf(key, certificate, {certificate}, root.certificate);
}

inline const keys::PrivateKey& KeyOf(const Authority& authority) {
  return static_cast<const keys::PrivateKey&>(*authority.signer);
}

inline x509::Certificate MakeLeaf(const Authority& authority, absl::Time now) {
  const keys::PrivateKey key = testing::Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  return testing::SignTemplate(
      testing::Must(policy::LeafTemplate(policy::NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(),
                                         authority.certificate, base::SystemRandom().Bytes(20), now)),
      *authority.signer);
}

inline store::CrossRow MakeCrossNow(const Authority& issuer, const Authority& subject, absl::Time now,
                                    absl::Duration lifetime = absl::Hours(24 * 28)) {
  return testing::Must(MakeCross(issuer, subject, lifetime, base::SystemRandom().Bytes(20), now));
}

inline x509::Certificate CertificateOf(const store::CrossRow& row) {
  return testing::Must(x509::Certificate::FromDer(row.certificate_der));
}

}  // namespace signet::authority

#endif  // SIGNET_TESTS_SERVICES_AUTHORITY_MADE_AUTHORITY_H_
