// A statement that is right, for tests to make wrong.
#ifndef SIGNET_TESTS_SERVICES_EVIDENCE_EXAMPLE_H_
#define SIGNET_TESTS_SERVICES_EVIDENCE_EXAMPLE_H_

#include <algorithm>
#include <string>

#include "services/evidence/statement.h"
#include "services/keys/private_key.h"

namespace signet::evidence {

inline absl::Time ExampleTime() { return absl::FromUnixSeconds(1790000000); }

inline Statement ExampleStatement() {
  Statement statement;
  statement.cluster = "alpha";
  statement.node = "n001";
  statement.daemon = "slurmd";
  statement.issued_at = ExampleTime();
  statement.expires_at = ExampleTime() + kStatementLifetime;
  statement.seq = 1790000000000;
  statement.boot_id = "3c1f8a52-9f0e-4d6b-8a77-0d2f6f1c9e11";
  statement.csr_spki_sha256 = x509::Sha256("a subject public key info");
  statement.bundle_on_disk = {7, x509::Sha256("a bundle on disk")};
  statement.bundle_loaded = {6, x509::Sha256("a bundle loaded")};
  statement.loaded_seen_at_renewal = true;
  statement.adapter_version = "0.1.0";
  statement.machine_id_sha256 = x509::Sha256("a machine");
  return statement;
}

// What may stand in an error line.
inline bool IsTextSafe(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

inline keys::PrivateKey NewKey() { return *keys::PrivateKey::Generate(x509::KeyType::kEcP256); }

}  // namespace signet::evidence

#endif  // SIGNET_TESTS_SERVICES_EVIDENCE_EXAMPLE_H_
