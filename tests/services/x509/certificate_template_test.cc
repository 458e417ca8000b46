#include "services/x509/certificate_template.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const TestKey& RootKey() {
  static const TestKey key = TestKey::Ec("P-384");
  return key;
}
const Certificate& Root() {
  static const Certificate root = Issue(RootTemplate("Slurm CA", RootKey()), RootKey());
  return root;
}
const TestKey& LeafKey() {
  static const TestKey key = TestKey::Ec();
  return key;
}
CertificateTemplate Leaf() { return LeafTemplate("n1", LeafKey(), Root()); }

void ExpectRefused(const CertificateTemplate& certificate, absl::string_view problem) {
  const auto tbs = EncodeTbs(certificate, SignatureAlgorithm::kEcdsaSha256);
  ASSERT_FALSE(tbs.ok()) << problem;
  EXPECT_EQ(tbs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(tbs.status().message()), HasSubstr(std::string(problem)));
}

std::string Tool(const std::string& command) {
  int exit_code = 0;
  std::string output = RunTool(command, exit_code);
  EXPECT_EQ(exit_code, 0) << command << "\n" << output;
  return output;
}

TEST(CertificateTemplate, IsReadBackFieldByField) {
  CertificateTemplate leaf = Leaf();
  leaf.uris = {"signet://alpha/admin/x"};
  const Certificate read = Issue(leaf, RootKey());
  EXPECT_EQ(read.serial(),
            "7f02030405060708"
            "0a");
  EXPECT_EQ(read.subject_der(), leaf.subject_der);
  EXPECT_EQ(read.issuer_der(), leaf.issuer_der);
  EXPECT_EQ(read.common_name(), "n1");
  EXPECT_EQ(read.not_before(), leaf.not_before);
  EXPECT_EQ(read.not_after(), leaf.not_after);
  EXPECT_EQ(read.public_key().spki_der(), leaf.spki_der);
  EXPECT_THAT(read.dns_names(), ElementsAre("n1"));
  EXPECT_THAT(read.uris(), ElementsAre("signet://alpha/admin/x"));
  EXPECT_EQ(read.subject_key_id(), leaf.subject_key_id);
  EXPECT_EQ(read.authority_key_id(), leaf.authority_key_id);
  EXPECT_FALSE(read.is_ca());
  EXPECT_TRUE(read.allows_digital_signature());
  EXPECT_FALSE(read.allows_certificate_signing());
  EXPECT_THAT(read.extended_key_usages(), ElementsAre("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"));
  EXPECT_EQ(read.tbs_der(), *EncodeTbs(leaf, SignatureAlgorithm::kEcdsaSha256));
}

TEST(CertificateTemplate, WritesACaThatMaySignAndNothingElse) {
  EXPECT_TRUE(Root().is_ca());
  EXPECT_TRUE(Root().allows_certificate_signing());
  EXPECT_FALSE(Root().allows_digital_signature());
  EXPECT_TRUE(Root().self_signed());
  EXPECT_EQ(Root().authority_key_id(), "");
  EXPECT_TRUE(Root().extended_key_usages().empty());
}

TEST(CertificateTemplate, PassesOpensslVerifyInBothDirections) {
  const std::string root = WriteTestFile("root.pem", Root().pem());
  const std::string leaf = WriteTestFile("leaf.pem", Issue(Leaf(), RootKey()).pem());
  const std::string verify =
      absl::StrCat("openssl verify -x509_strict -attime ", absl::ToUnixSeconds(TestTime()) + 60, " -CAfile ", root);
  EXPECT_THAT(Tool(absl::StrCat(verify, " -purpose sslserver -verify_hostname n1 ", leaf)), HasSubstr("OK"));
  EXPECT_THAT(Tool(absl::StrCat(verify, " -purpose sslclient ", leaf)), HasSubstr("OK"));
  const std::string text = Tool(absl::StrCat("openssl x509 -noout -text -in ", leaf));
  EXPECT_THAT(text, HasSubstr("Version: 3 (0x2)"));
  EXPECT_THAT(text, HasSubstr("X509v3 Basic Constraints: critical"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical\n                Digital Signature\n"));
  EXPECT_THAT(text, HasSubstr("X509v3 Extended Key Usage: \n"));
  EXPECT_THAT(text, HasSubstr("X509v3 Subject Alternative Name: \n"));
  EXPECT_THAT(Tool(absl::StrCat("openssl x509 -noout -text -in ", root)),
              HasSubstr("X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n"));
}

// certtool knows no other time than now.
TEST(CertificateTemplate, PassesGnuTls) {
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  CertificateTemplate root = RootTemplate("Slurm CA", RootKey());
  CertificateTemplate leaf = Leaf();
  root.not_before = leaf.not_before = now - absl::Hours(1);
  root.not_after = leaf.not_after = now + absl::Hours(1);
  const std::string root_path = WriteTestFile("root.pem", Issue(root, RootKey()).pem());
  const std::string leaf_path = WriteTestFile("leaf.pem", Issue(leaf, RootKey()).pem());
  EXPECT_THAT(Tool(absl::StrCat("certtool --certificate-info --infile ", leaf_path)), HasSubstr("DNSname: n1"));
  for (const char* purpose : {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}) {
    const std::string output =
        Tool(absl::StrCat("certtool --verify --verify-purpose ", purpose, " --verify-hostname n1",
                          " --load-ca-certificate ", root_path, " --infile ", leaf_path));
    EXPECT_THAT(output, HasSubstr("Chain verification output: Verified"));
  }
}

TEST(CertificateTemplate, IsTheSameBytesEveryTime) {
  EXPECT_EQ(*EncodeTbs(Leaf(), SignatureAlgorithm::kEcdsaSha256), *EncodeTbs(Leaf(), SignatureAlgorithm::kEcdsaSha256));
}

TEST(CertificateTemplate, WritesTheSerialAsAPositiveMinimalInteger) {
  const auto written = [](absl::string_view hex) {
    CertificateTemplate leaf = Leaf();
    leaf.serial = absl::HexStringToBytes(hex);
    return absl::BytesToHexString(*EncodeTbs(leaf, SignatureAlgorithm::kEcdsaSha256));
  };
  EXPECT_THAT(written("80"), HasSubstr("a00302010202020080300a"));
  EXPECT_THAT(written("0000017f"), HasSubstr("a0030201020202017f300a"));
  EXPECT_THAT(written("7fffffffffffffffffffffffffffffffffffffff"), HasSubstr("02147fffffff"));
}

TEST(CertificateTemplate, RefusesSerialsOutOfRange) {
  CertificateTemplate leaf = Leaf();
  leaf.serial = "";
  ExpectRefused(leaf, "serial: zero or unset");
  leaf.serial = std::string(4, '\0');
  ExpectRefused(leaf, "serial: zero or unset");
  leaf.serial = std::string(20, '\x80');
  ExpectRefused(leaf, "serial: more than 20 octets");
  leaf.serial = std::string(21, '\x01');
  ExpectRefused(leaf, "serial: more than 20 octets");
}

TEST(CertificateTemplate, WritesUtcTimeThrough2049AndGeneralizedTimeAfter) {
  CertificateTemplate leaf = Leaf();
  leaf.not_before = absl::FromCivil(absl::CivilSecond(2049, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  leaf.not_after = absl::FromCivil(absl::CivilSecond(2050, 1, 1), absl::UTCTimeZone());
  EXPECT_THAT(*EncodeTbs(leaf, SignatureAlgorithm::kEcdsaSha256), HasSubstr("\x17\x0d"
                                                                            "491231235959Z\x18\x0f"
                                                                            "20500101000000Z"));
  const Certificate read = Issue(leaf, RootKey());
  EXPECT_EQ(read.not_before(), leaf.not_before);
  EXPECT_EQ(read.not_after(), leaf.not_after);
}

TEST(CertificateTemplate, RefusesTimesItCannotWrite) {
  CertificateTemplate leaf = Leaf();
  leaf.not_before = TestTime() + absl::Milliseconds(1);
  ExpectRefused(leaf, "notBefore: not a whole second");
  leaf = Leaf();
  leaf.not_after = leaf.not_before - absl::Seconds(1);
  ExpectRefused(leaf, "notAfter: before notBefore");
  leaf.not_after = absl::InfiniteFuture();
  ExpectRefused(leaf, "notAfter: outside of the years");
  leaf = Leaf();
  leaf.not_before = absl::InfinitePast();
  ExpectRefused(leaf, "notBefore: outside of the years");
}

TEST(CertificateTemplate, RefusesNamesThatAreMissingOrBroken) {
  CertificateTemplate leaf = Leaf();
  leaf.issuer_der = "";
  ExpectRefused(leaf, "certificate issuer: missing");
  leaf.issuer_der = WriteDer(kDerSequence, "");
  ExpectRefused(leaf, "issuer: empty");
  leaf = Leaf();
  leaf.subject_der = "CN=n1";
  ExpectRefused(leaf, "certificate subject");
  leaf.subject_der = WriteDer(kDerSequence, "");
  leaf.dns_names.clear();
  ExpectRefused(leaf, "subject: empty, and so is subjectAltName");
  leaf = Leaf();
  leaf.dns_names = {"*.n1"};
  ExpectRefused(leaf, "not a DNS name");
  leaf = Leaf();
  leaf.uris = {"no scheme"};
  ExpectRefused(leaf, "not a URI");
}

TEST(CertificateTemplate, MakesTheAlternativeNameCriticalOnlyWithoutSubject) {
  CertificateTemplate leaf = Leaf();
  leaf.subject_der = WriteDer(kDerSequence, "");
  const std::string path = WriteTestFile("leaf.pem", Issue(leaf, RootKey()).pem());
  EXPECT_THAT(Tool(absl::StrCat("openssl x509 -noout -text -in ", path)),
              HasSubstr("X509v3 Subject Alternative Name: critical"));
}

TEST(CertificateTemplate, RefusesKeyUsesThatContradict) {
  CertificateTemplate leaf = Leaf();
  leaf.certificate_signing = true;
  ExpectRefused(leaf, "keyCertSign goes with a CA");
  leaf = Leaf();
  leaf.is_ca = true;
  ExpectRefused(leaf, "keyCertSign goes with a CA");
  leaf = Leaf();
  leaf.digital_signature = false;
  ExpectRefused(leaf, "keyUsage: no use at all");
}

TEST(CertificateTemplate, RefusesAMissingKeyOrKeyIdentifier) {
  CertificateTemplate leaf = Leaf();
  leaf.subject_key_id = "";
  ExpectRefused(leaf, "subjectKeyIdentifier");
  leaf = Leaf();
  leaf.spki_der = "";
  ExpectRefused(leaf, "public key");
}

TEST(CertificateTemplate, LeavesOutUsagesThatAreNotGiven) {
  CertificateTemplate leaf = Leaf();
  leaf.server_auth = false;
  EXPECT_THAT(Issue(leaf, RootKey()).extended_key_usages(), ElementsAre("1.3.6.1.5.5.7.3.2"));
  leaf.client_auth = false;
  EXPECT_TRUE(Issue(leaf, RootKey()).extended_key_usages().empty());
}

TEST(CertificateTemplate, ComputesTheKeyIdentifierThatOpensslDoes) {
  const std::string path = WriteTestFile("root.pem", Root().pem());
  std::string expected =
      Tool(absl::StrCat("openssl x509 -noout -pubkey -in ", path, " | openssl asn1parse -strparse ",
                        "$(openssl x509 -noout -pubkey -in ", path,
                        " | openssl asn1parse | awk -F: '/BIT STRING/ {print $1 + 0}') -noout -out - 2>/dev/null"
                        " | openssl dgst -sha1 -r"));
  EXPECT_EQ(absl::BytesToHexString(KeyIdentifier(RootKey().public_key())), expected.substr(0, 40));
}

TEST(CertificateTemplate, SignsWithRsaToo) {
  const TestKey rsa = TestKey::Rsa();
  const Certificate root = Issue(RootTemplate("RSA CA", rsa), rsa, SignatureAlgorithm::kRsaSha384);
  EXPECT_TRUE(root.self_signed());
}

}  // namespace
}  // namespace signet::x509
