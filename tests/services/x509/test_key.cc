#include "test_key.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "services/x509/name.h"
#include "services/x509/openssl.h"

namespace signet::x509 {

TestKey::TestKey(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {
  if (key == nullptr) throw std::runtime_error("no key");
}
TestKey TestKey::Ec(const char* curve) { return TestKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)); }
TestKey TestKey::Rsa(std::size_t bits) { return TestKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)); }
TestKey TestKey::Ed25519() { return TestKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

TestKey TestKey::RsaPss() {
  const OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_generate(context.get(), &key);
  return TestKey(key);
}

TestKey TestKey::ExplicitEc() {
  const OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1);
  EVP_PKEY_CTX_set_ec_param_enc(context.get(), OPENSSL_EC_EXPLICIT_CURVE);
  EVP_PKEY_generate(context.get(), &key);
  return TestKey(key);
}

std::string TestKey::spki() const {
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &bytes);
  std::string spki(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return spki;
}

PublicKey TestKey::public_key() const { return PublicKey::FromSpkiDer(spki()).value(); }

std::string TestKey::Sign(SignatureAlgorithm algorithm, absl::string_view message) const {
  const EVP_MD* digest = EVP_sha256();
  if (algorithm == SignatureAlgorithm::kEcdsaSha384 || algorithm == SignatureAlgorithm::kRsaSha384)
    digest = EVP_sha384();
  if (algorithm == SignatureAlgorithm::kEcdsaSha512 || algorithm == SignatureAlgorithm::kRsaSha512)
    digest = EVP_sha512();
  if (EVP_PKEY_is_a(key_.get(), "ED25519") == 1) digest = nullptr;
  const OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, message.size());
  signature.resize(size);
  return signature;
}

Certificate Issue(const CertificateTemplate& certificate, const TestKey& issuer_key, SignatureAlgorithm algorithm) {
  const std::string tbs = EncodeTbs(certificate, algorithm).value();
  return Certificate::FromDer(AssembleCertificate(tbs, algorithm, issuer_key.Sign(algorithm, tbs))).value();
}

absl::Time TestTime() { return absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone()); }

CertificateTemplate RootTemplate(absl::string_view common_name, const TestKey& key) {
  CertificateTemplate root;
  root.serial = "\x01\x02\x03\x04\x05\x06\x07\x08\x09";
  root.issuer_der = root.subject_der = CommonNameDer(common_name);
  root.not_before = TestTime();
  root.not_after = TestTime() + absl::Hours(24 * 365);
  root.spki_der = key.spki();
  root.is_ca = root.certificate_signing = true;
  root.subject_key_id = KeyIdentifier(key.public_key());
  return root;
}

CertificateTemplate LeafTemplate(absl::string_view common_name, const TestKey& key, const Certificate& issuer) {
  CertificateTemplate leaf;
  leaf.serial = "\x7f\x02\x03\x04\x05\x06\x07\x08\x0a";
  leaf.issuer_der = issuer.subject_der();
  leaf.subject_der = CommonNameDer(common_name);
  leaf.not_before = TestTime();
  leaf.not_after = TestTime() + absl::Hours(24 * 7);
  leaf.spki_der = key.spki();
  leaf.dns_names = {std::string(common_name)};
  leaf.digital_signature = leaf.server_auth = leaf.client_auth = true;
  leaf.subject_key_id = KeyIdentifier(key.public_key());
  leaf.authority_key_id = issuer.subject_key_id();
  return leaf;
}

std::string RunTool(const std::string& command, int& exit_code) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), count);
  const int status = ::pclose(pipe);
  exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

std::string WriteTestFile(const std::string& name, absl::string_view contents) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string path = ::testing::TempDir() + "x509_" + test->test_suite_name() + "_" + test->name() + "_" + name;
  std::ofstream(path, std::ios::binary).write(contents.data(), static_cast<std::streamsize>(contents.size()));
  return path;
}

}  // namespace signet::x509
