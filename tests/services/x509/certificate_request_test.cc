#include "services/x509/certificate_request.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAlgorithm = SignatureAlgorithm::kEcdsaSha256;
constexpr char kExtensionRequest[] = "1.2.840.113549.1.9.14";
constexpr char kSubjectAltName[] = "2.5.29.17";

const TestKey& Key() {
  static const TestKey key = TestKey::Ec();
  return key;
}

std::string Sequence(absl::string_view contents) { return WriteDer(kDerSequence, contents); }
std::string Attribute(absl::string_view oid, absl::string_view values) {
  return Sequence(absl::StrCat(WriteDerOid(oid), WriteDer(kDerSet, values)));
}
std::string Extension(absl::string_view oid, absl::string_view value, absl::string_view critical = "") {
  return Sequence(absl::StrCat(WriteDerOid(oid), critical, WriteDer(kDerOctetString, value)));
}
std::string Names(absl::string_view names) {
  return Attribute(kExtensionRequest, Sequence(Extension(kSubjectAltName, Sequence(names))));
}
std::string Dns(absl::string_view name) { return WriteDer(DerContext(2), name); }
std::string Rdn(absl::string_view oid, std::uint8_t tag, absl::string_view value) {
  return WriteDer(kDerSet, Sequence(absl::StrCat(WriteDerOid(oid), WriteDer(tag, value))));
}
std::string CommonName(std::uint8_t tag, absl::string_view value) { return Sequence(Rdn("2.5.4.3", tag, value)); }

// A request whose parts may be as wrong as a test wants, under a signature that holds.
struct Request {
  std::string version = WriteDerInteger("");
  std::string subject = CommonNameDer("n1");
  std::string spki = Key().spki();
  std::string attributes = WriteDer(DerContextConstructed(0), "");
  SignatureAlgorithm algorithm = kAlgorithm;

  Request& With(absl::string_view contents) {
    attributes = WriteDer(DerContextConstructed(0), contents);
    return *this;
  }
  std::string Der(const TestKey& key = Key()) const {
    const std::string info = Sequence(absl::StrCat(version, subject, spki, attributes));
    return AssembleRequest(info, algorithm, key.Sign(algorithm, info));
  }
};

Request WithSubject(std::string subject) {
  Request request;
  request.subject = std::move(subject);
  return request;
}
Request WithAttributes(absl::string_view contents) { return Request().With(contents); }

void ExpectRefused(absl::string_view der, absl::string_view reason, absl::string_view problem) {
  const auto request = CertificateRequest::FromDer(der);
  ASSERT_FALSE(request.ok()) << problem;
  EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(request.status()), reason) << request.status();
  EXPECT_THAT(std::string(request.status().message()), HasSubstr(std::string(problem)));
}
void ExpectRefused(const Request& request, absl::string_view problem) {
  ExpectRefused(request.Der(), base::kCsrRefused, problem);
}

TEST(CertificateRequest, ReadsWhatTheAdapterWrites) {
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "statement");
  const auto request = CertificateRequest::FromDer(AssembleRequest(info, kAlgorithm, Key().Sign(kAlgorithm, info)));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->common_name(), "n1");
  EXPECT_THAT(request->dns_names(), IsEmpty());
  EXPECT_EQ(request->public_key(), Key().public_key());
  EXPECT_EQ(request->statement(), "statement");
}

TEST(CertificateRequest, IsReadByOpenssl) {
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "statement");
  const std::string der = AssembleRequest(info, kAlgorithm, Key().Sign(kAlgorithm, info));
  const std::string path = WriteTestFile("csr.pem", EncodePem(kCertificateRequestLabel, der));
  int exit_code = 0;
  const std::string output = RunTool(absl::StrCat("openssl req -noout -verify -subject -text -in ", path), exit_code);
  EXPECT_EQ(exit_code, 0) << output;
  EXPECT_THAT(output, HasSubstr("self-signature verify OK"));
  EXPECT_THAT(output, HasSubstr("subject=CN = n1"));
  EXPECT_THAT(output, HasSubstr(kStatementOid));
}

// libtasn1 has no room for the 128-bit arc of the statement's OID, so GnuTLS judges the same structure with other
// attributes.
TEST(CertificateRequest, IsReadByCerttool) {
  const std::string octets = WriteDer(kDerOctetString, "statement");
  for (const Request& request :
       {Request(), WithAttributes(Attribute("1.2.3.4", octets)), WithAttributes(Names(Dns("n1")))}) {
    const std::string path = WriteTestFile("csr.pem", EncodePem(kCertificateRequestLabel, request.Der()));
    int exit_code = 0;
    const std::string output = RunTool(absl::StrCat("certtool --crq-info --infile ", path), exit_code);
    EXPECT_EQ(exit_code, 0) << output;
    EXPECT_THAT(output, HasSubstr("Self signature: verified"));
  }
}

TEST(CertificateRequest, ReadsWhatOpensslWrites) {
  for (const char* extra :
       {"", "-addext subjectAltName=DNS:n1", "-addext subjectAltName=critical,DNS:n1", "-sha384", "-utf8"}) {
    int exit_code = 0;
    const std::string key = WriteTestFile("key.pem", "");
    const std::string pem = RunTool(absl::StrCat("openssl ecparam -name prime256v1 -genkey -noout -out ", key,
                                                 " && openssl req -new -key ", key, " -subj /CN=n1 ", extra),
                                    exit_code);
    ASSERT_EQ(exit_code, 0) << pem;
    const auto request = CertificateRequest::FromPem(pem);
    ASSERT_TRUE(request.ok()) << extra << ": " << request.status();
    EXPECT_EQ(request->common_name(), "n1");
    EXPECT_FALSE(request->statement().has_value());
    const bool names = absl::StrContains(extra, "DNS:");
    EXPECT_EQ(request->dns_names(), names ? std::vector<std::string>{"n1"} : std::vector<std::string>{});
  }
}

TEST(CertificateRequest, ReadsRsaKeys) {
  const TestKey rsa = TestKey::Rsa();
  Request request;
  request.spki = rsa.spki();
  request.algorithm = SignatureAlgorithm::kRsaSha256;
  EXPECT_TRUE(CertificateRequest::FromDer(request.Der(rsa)).ok());
}

TEST(CertificateRequest, ReadsBothStringTypesUpTo64Characters) {
  EXPECT_TRUE(CertificateRequest::FromDer(WithSubject(CommonName(kDerPrintableString, "n1")).Der()).ok());
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "ü";
  EXPECT_TRUE(CertificateRequest::FromDer(WithSubject(CommonName(kDerUtf8String, long_name)).Der()).ok());
}

TEST(CertificateRequest, RefusesTwoCommonNames) {
  const std::string cn = Rdn("2.5.4.3", kDerUtf8String, "n1");
  ExpectRefused(WithSubject(Sequence(cn + cn)), "exactly one common name, and there is more");
  const std::string attribute = Sequence(absl::StrCat(WriteDerOid("2.5.4.3"), WriteDer(kDerUtf8String, "n1")));
  ExpectRefused(WithSubject(Sequence(WriteDer(kDerSet, attribute + attribute))), "and there is more");
}

TEST(CertificateRequest, RefusesASubjectWithoutOrBesidesACommonName) {
  ExpectRefused(WithSubject(Sequence("")), "and it is empty");
  ExpectRefused(WithSubject(*NameDerFromText("O=x")), "and it is attribute 2.5.4.10");
  ExpectRefused(WithSubject(*NameDerFromText("CN=n1,O=x")), "and there is more");
}

TEST(CertificateRequest, RefusesOtherStringTypes) {
  for (const std::uint8_t tag : {0x1e, 0x14, 0x16, 0x1c, 0x04}) {
    ExpectRefused(WithSubject(CommonName(tag, "n1")), "PrintableString or a UTF8String");
  }
  ExpectRefused(WithSubject(CommonName(kDerPrintableString, "n_1")), "a PrintableString cannot");
}

TEST(CertificateRequest, RefusesNulControlCharactersAndBadUtf8InTheName) {
  for (const absl::string_view name : {absl::string_view("n1\0x", 4), absl::string_view("n1\n"),
                                       absl::string_view("\x1b[2J"), absl::string_view("n\xff")}) {
    ExpectRefused(WithSubject(CommonName(kDerUtf8String, name)), "NUL or a control character");
  }
}

TEST(CertificateRequest, RefusesANameOf65CharactersOrNone) {
  ExpectRefused(WithSubject(CommonName(kDerUtf8String, std::string(65, 'n'))), "65 characters, the limit is 1 to 64");
  ExpectRefused(WithSubject(CommonName(kDerUtf8String, "")), "0 characters");
}

TEST(CertificateRequest, RefusesEveryKindOfNameButDns) {
  ExpectRefused(WithAttributes(Names(Dns("n1") + WriteDer(DerContext(7), "\x0a\x01\x01\x01"))), "DNS names only");
  ExpectRefused(WithAttributes(Names(WriteDer(DerContext(6), "http://n1"))), "DNS names only");
  ExpectRefused(WithAttributes(Names(WriteDer(DerContext(1), "a@n1"))), "DNS names only");
  ExpectRefused(WithAttributes(Names(WriteDer(DerContextConstructed(0), ""))), "DNS names only");
}

TEST(CertificateRequest, RefusesDnsNamesThatNoHostHas) {
  for (const absl::string_view name : {absl::string_view(""), absl::string_view("*.n1"), absl::string_view(".n1"),
                                       absl::string_view("n1\0x", 4), absl::string_view("n\xc3\xbc")}) {
    ExpectRefused(WithAttributes(Names(Dns(name))), "no Slurm host has");
  }
  ExpectRefused(WithAttributes(Names("")), "holds no name");
  std::string many;
  for (int i = 0; i < 17; ++i) many += Dns("n1");
  ExpectRefused(WithAttributes(Names(many)), "more than 16 DNS names");
}

TEST(CertificateRequest, RefusesAnyOtherRequestedExtension) {
  const std::string ca = Extension("2.5.29.19", Sequence(WriteDer(kDerBoolean, "\xff")), WriteDer(kDerBoolean, "\xff"));
  const std::string san = Extension(kSubjectAltName, Sequence(Dns("n1")));
  const auto asks = [](absl::string_view extensions) {
    return WithAttributes(Attribute(kExtensionRequest, Sequence(extensions)));
  };
  ExpectRefused(asks(ca), "asks for extension 2.5.29.19");
  ExpectRefused(asks(Extension("2.5.29.15", "\x03\x02\x02\x04")), "asks for extension 2.5.29.15");
  ExpectRefused(asks(Extension("2.5.29.30", "\x30\x00")), "asks for extension 2.5.29.30");
  ExpectRefused(asks(Extension("1.2.3.4", "x", WriteDer(kDerBoolean, "\xff"))), "asks for extension 1.2.3.4");
  ExpectRefused(asks(san + ca), "more than one extension");
  ExpectRefused(asks(san + san), "more than one extension");
  ExpectRefused(asks(""), "empty extensionRequest");
  ExpectRefused(asks(Extension(kSubjectAltName, Sequence(Dns("n1")), WriteDer(kDerBoolean, "\x01"))),
                "BOOLEAN that is not DER");
}

TEST(CertificateRequest, RefusesAttributesThatAreUnknownOrThereTwice) {
  const std::string statement = Attribute(kStatementOid, WriteDer(kDerOctetString, "s"));
  ExpectRefused(WithAttributes(Attribute("1.2.840.113549.1.9.7", WriteDer(kDerUtf8String, "password"))),
                "attribute 1.2.840.113549.1.9.7 is neither");
  ExpectRefused(WithAttributes(statement + statement), "statement attribute is there twice");
  ExpectRefused(WithAttributes(Names(Dns("n1")) + Names(Dns("n1"))), "extensionRequest attribute is there twice");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += Attribute(absl::StrCat("1.2.3.", i), WriteDer(kDerNull, ""));
  ExpectRefused(WithAttributes(many), "attribute 1.2.3.0 is neither");
}

TEST(CertificateRequest, RefusesAStatementThatIsNotOneOctetString) {
  const std::string octets = WriteDer(kDerOctetString, "s");
  ExpectRefused(WithAttributes(Attribute(kStatementOid, octets + octets)).Der(), base::kMalformed, "CSR statement");
  ExpectRefused(WithAttributes(Attribute(kStatementOid, "")).Der(), base::kMalformed, "CSR statement");
  ExpectRefused(WithAttributes(Attribute(kStatementOid, WriteDer(kDerUtf8String, "s"))).Der(), base::kMalformed,
                "CSR statement");
  ExpectRefused(WithAttributes(Attribute(kStatementOid, WriteDer(kDerOctetString, ""))),
                "statement attribute is empty");
}

TEST(CertificateRequest, RefusesAVersionOtherThan0) {
  Request request;
  request.version = WriteDerInteger("\x02");
  ExpectRefused(request, "a version other than 0");
}

TEST(CertificateRequest, RefusesASignatureThatDoesNotHold) {
  ExpectRefused(Request().Der(TestKey::Ec()), base::kCsrRefused, "its own signature does not hold");
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "");
  ExpectRefused(AssembleRequest(info, kAlgorithm, ""), base::kCsrRefused, "its own signature does not hold");
  const std::string other = EncodeRequestInfo("n2", Key().public_key(), "");
  ExpectRefused(AssembleRequest(other, kAlgorithm, Key().Sign(kAlgorithm, info)), base::kCsrRefused, "does not hold");
}

TEST(CertificateRequest, RefusesAnAlgorithmThatDisagreesWithTheKey) {
  Request request;
  request.algorithm = SignatureAlgorithm::kRsaSha256;
  ExpectRefused(request, "sha256-with-rsa does not go with the key");
}

TEST(CertificateRequest, RefusesSha1AndMd5) {
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "");
  for (const char* oid : {"1.2.840.10045.4.1", "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4"}) {
    const std::string der = Sequence(absl::StrCat(info, Sequence(WriteDerOid(oid)), WriteDerBits("x")));
    ExpectRefused(der, base::kCsrRefused, absl::StrCat("signature algorithm ", oid, " is refused"));
  }
  const std::string with_null = Sequence(absl::StrCat(WriteDerOid("1.2.840.10045.4.3.2"), WriteDer(kDerNull, "")));
  ExpectRefused(Sequence(absl::StrCat(info, with_null, WriteDerBits("x"))), base::kCsrRefused, "or its parameters are");
}

TEST(CertificateRequest, RefusesEd25519AndRsaPssKeysByName) {
  Request request;
  request.spki = TestKey::Ed25519().spki();
  ExpectRefused(request.Der(), base::kKeyRefused, "an Ed25519 key");
  request.spki = TestKey::RsaPss().spki();
  ExpectRefused(request.Der(), base::kKeyRefused, "an RSA-PSS key");
  request.spki = TestKey::Ec("secp256k1").spki();
  ExpectRefused(request.Der(), base::kKeyRefused, "secp256k1");
}

TEST(CertificateRequest, RefusesTrailingBytesAtEveryLevel) {
  ExpectRefused(Request().Der() + "x", base::kMalformed, "CSR: 1 trailing bytes");
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "");
  const std::string algorithm = Sequence(WriteDerOid("1.2.840.10045.4.3.2"));
  ExpectRefused(
      Sequence(absl::StrCat(info, algorithm, WriteDerBits(Key().Sign(kAlgorithm, info)), WriteDer(kDerNull, ""))),
      base::kMalformed, "trailing bytes");
  Request request;
  request.attributes += WriteDer(kDerNull, "");
  ExpectRefused(request.Der(), base::kMalformed, "CSR info: 2 trailing bytes");
}

TEST(CertificateRequest, RefusesMissingAttributes) {
  Request request;
  request.attributes = "";
  ExpectRefused(request.Der(), base::kMalformed, "CSR attributes");
}

TEST(CertificateRequest, RefusesEveryTruncation) {
  const std::string der = Request().With(Names(Dns("n1"))).Der();
  ASSERT_TRUE(CertificateRequest::FromDer(der).ok());
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_EQ(CertificateRequest::FromDer(der.substr(0, size)).status().code(), absl::StatusCode::kInvalidArgument)
        << size;
  }
}

TEST(CertificateRequest, RefusesEverySingleChangedBit) {
  const std::string der = Request().With(Attribute(kStatementOid, WriteDer(kDerOctetString, "s"))).Der();
  for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
    std::string changed = der;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(CertificateRequest::FromDer(changed).ok()) << bit;
  }
}

TEST(CertificateRequest, RefusesMoreThan64KiB) {
  ExpectRefused(std::string(65537, '\x30'), base::kMalformed, "65537 bytes, the limit is 65536");
  EXPECT_EQ(base::ReasonOf(CertificateRequest::FromPem(std::string(65537, '-')).status()), base::kMalformed);
}

TEST(CertificateRequest, RefusesMoreThanOnePemBlockAndTextAroundIt) {
  const std::string pem = EncodePem(kCertificateRequestLabel, Request().Der());
  EXPECT_TRUE(CertificateRequest::FromPem(pem).ok());
  for (const std::string& text :
       {pem + pem, "warning\n" + pem, pem + "x", EncodePem("NEW CERTIFICATE REQUEST", Request().Der()),
        EncodePem("CERTIFICATE", Request().Der())}) {
    EXPECT_EQ(base::ReasonOf(CertificateRequest::FromPem(text).status()), base::kMalformed);
  }
}

}  // namespace
}  // namespace signet::x509
