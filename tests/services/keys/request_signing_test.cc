#include "services/keys/request_signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "services/base/reason.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate_request.h"
#include "services/x509/name.h"

namespace signet::keys {
namespace {

using ::testing::HasSubstr;

TEST(SignRequestPem, MakesARequestThatX509Accepts) {
  for (const auto type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    const PrivateKey key = *PrivateKey::Generate(type);
    const std::string pem = *SignRequestPem(key, "n001", "statement bytes");
    const auto request = x509::CertificateRequest::FromPem(pem);
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->common_name(), "n001");
    EXPECT_TRUE(request->public_key() == key.public_key());
    EXPECT_EQ(request->statement(), "statement bytes");
  }
}

TEST(SignRequestPem, LeavesTheStatementOutWhenThereIsNone) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const auto request = x509::CertificateRequest::FromPem(*SignRequestPem(key, "n001", ""));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->statement(), std::nullopt);
}

TEST(SignRequestPem, RefusesANameThatFitsNoCertificate) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  EXPECT_EQ(base::ReasonOf(SignRequestPem(key, "", "s").status()), base::kNameRefused);
  EXPECT_EQ(base::ReasonOf(SignRequestPem(key, std::string(65, 'n'), "s").status()), base::kNameRefused);
}

// As who signs it reads it.
class AuthorityRequest : public ::testing::Test {
 protected:
  static std::shared_ptr<X509_REQ> Parse(const std::string& pem) {
    BIO* input = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    std::shared_ptr<X509_REQ> request(PEM_read_bio_X509_REQ(input, nullptr, nullptr, nullptr), X509_REQ_free);
    BIO_free(input);
    return request;
  }
  static std::string Text(const std::string& pem) {
    BIO* output = BIO_new(BIO_s_mem());
    X509_REQ_print(output, Parse(pem).get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(output, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(output);
    return text;
  }
};

TEST_F(AuthorityRequest, AsksForACaThatSignsCertificatesAndLists) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string pem = *SignAuthorityRequestPem(key, *x509::NameDerFromText("CN=Issuing CA,O=Example"));
  ASSERT_NE(Parse(pem), nullptr);
  EXPECT_EQ(X509_REQ_verify(Parse(pem).get(), key.evp()), 1);
  const std::string text = Text(pem);
  EXPECT_THAT(text, HasSubstr("CN=Issuing CA, O=Example"));
  EXPECT_THAT(text, HasSubstr("X509v3 Basic Constraints: critical\n                    CA:TRUE\n"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical\n                    Certificate Sign, CRL Sign\n"));
}

TEST_F(AuthorityRequest, GetsNoCertificateHere) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const auto request = x509::CertificateRequest::FromPem(*SignAuthorityRequestPem(key, x509::CommonNameDer("n001")));
  EXPECT_EQ(base::ReasonOf(request.status()), base::kCsrRefused);
}

}  // namespace
}  // namespace signet::keys
