// A private key of any kind, for making what x509/ reads.
#ifndef SIGNET_TESTS_SERVICES_X509_TEST_KEY_H_
#define SIGNET_TESTS_SERVICES_X509_TEST_KEY_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "services/x509/public_key.h"

namespace signet::x509 {

class TestKey {
 public:
  static TestKey Ec(const char* curve = "P-256");
  static TestKey ExplicitEc();
  static TestKey Rsa(std::size_t bits = 2048);
  static TestKey RsaPss();
  static TestKey Ed25519();

  std::string spki() const;
  PublicKey public_key() const;
  // With SHA-256, -384 or -512 as `algorithm` says, whatever kind of key this is.
  std::string Sign(SignatureAlgorithm algorithm, absl::string_view message) const;

 private:
  explicit TestKey(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
};

// A certificate under `issuer_key`.
Certificate Issue(const CertificateTemplate& certificate, const TestKey& issuer_key,
                  SignatureAlgorithm algorithm = SignatureAlgorithm::kEcdsaSha256);

// 2026-01-01; the templates below are valid for the year after it.
absl::Time TestTime();
CertificateTemplate RootTemplate(absl::string_view common_name, const TestKey& key);
CertificateTemplate LeafTemplate(absl::string_view common_name, const TestKey& key, const Certificate& issuer);

// Runs a shell command; its output (stdout and stderr), and in `exit_code` how it ended. A missing tool ends with 127.
std::string RunTool(const std::string& command, int& exit_code);
// Writes a file that goes with the test; its path.
std::string WriteTestFile(const std::string& name, absl::string_view contents);

}  // namespace signet::x509

#endif  // SIGNET_TESTS_SERVICES_X509_TEST_KEY_H_
