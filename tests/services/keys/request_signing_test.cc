#include "services/keys/request_signing.h"

#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate_request.h"

namespace signet::keys {
namespace {

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

}  // namespace
}  // namespace signet::keys
