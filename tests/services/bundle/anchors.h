// Authorities and bundles for the tests.
#ifndef SIGNET_TESTS_SERVICES_BUNDLE_ANCHORS_H_
#define SIGNET_TESTS_SERVICES_BUNDLE_ANCHORS_H_

#include <string>
#include <vector>

#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"

namespace signet::bundle {

inline absl::Time Now() { return absl::FromUnixSeconds(1790000000); }

struct AnchorWishes {
  std::string common_name = "Slurm CA";
  absl::Time not_before = Now() - absl::Hours(24);
  absl::Time not_after = Now() + absl::Hours(24 * 3650);
  bool is_ca = true;
};

inline x509::Certificate MakeAnchor(const AnchorWishes& wishes = {}) {
  const keys::PrivateKey key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  x509::CertificateTemplate anchor;
  anchor.serial = "\x01\x23";
  anchor.issuer_der = x509::CommonNameDer(wishes.common_name);
  anchor.subject_der = anchor.issuer_der;
  anchor.not_before = wishes.not_before;
  anchor.not_after = wishes.not_after;
  anchor.spki_der = key.public_key().spki_der();
  anchor.is_ca = wishes.is_ca;
  anchor.certificate_signing = wishes.is_ca;
  anchor.digital_signature = !wishes.is_ca;
  anchor.subject_key_id = x509::KeyIdentifier(key.public_key());
  const auto algorithm = x509::SignatureAlgorithm::kEcdsaSha256;
  const std::string tbs = *x509::EncodeTbs(anchor, algorithm);
  return *x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, *key.Sign(algorithm, tbs)));
}

inline Bundle MakeBundle(uint64_t generation, const std::vector<x509::Certificate>& anchors) {
  Bundle bundle;
  bundle.cluster = "alpha";
  bundle.generation = generation;
  bundle.previous_sha256 = generation == 1 ? std::string() : std::string(32, 'p');
  bundle.ca_cert_pem = *RenderCaFile(anchors);
  bundle.created_at = Now();
  return bundle;
}

}  // namespace signet::bundle

#endif  // SIGNET_TESTS_SERVICES_BUNDLE_ANCHORS_H_
