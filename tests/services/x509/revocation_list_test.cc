#include "services/x509/revocation_list.h"

#include <gmock/gmock.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/x509/openssl.h"
#include "services/x509/pem.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Crl = OpensslPtr<X509_CRL, X509_CRL_free>;

const TestKey& RootKey() {
  static const TestKey key = TestKey::Ec("P-384");
  return key;
}
const Certificate& Root() {
  static const Certificate root = Issue(RootTemplate("Slurm CA", RootKey()), RootKey());
  return root;
}

RevocationListTemplate List() {
  RevocationListTemplate list;
  list.issuer_der = Root().subject_der();
  list.authority_key_id = Root().subject_key_id();
  list.number = 300;
  list.this_update = TestTime() + absl::Milliseconds(900);
  list.next_update = TestTime() + absl::Hours(24);
  return list;
}

std::string Sign(const RevocationListTemplate& list, SignatureAlgorithm algorithm = SignatureAlgorithm::kEcdsaSha384) {
  const auto tbs = EncodeRevocationList(list, algorithm);
  EXPECT_TRUE(tbs.ok()) << tbs.status();
  return AssembleRevocationList(*tbs, algorithm, RootKey().Sign(algorithm, *tbs));
}

Crl Parse(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  Crl crl(d2i_X509_CRL(nullptr, &bytes, static_cast<long>(der.size())));
  EXPECT_NE(crl, nullptr);
  EXPECT_EQ(bytes, reinterpret_cast<const unsigned char*>(der.data()) + der.size()) << "trailing bytes";
  return crl;
}

X509_REVOKED* Lookup(const Crl& crl, const std::string& serial_hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, serial_hex.c_str());
  const OpensslPtr<ASN1_INTEGER, ASN1_INTEGER_free> serial(BN_to_ASN1_INTEGER(number, nullptr));
  BN_free(number);
  X509_REVOKED* found = nullptr;
  return X509_CRL_get0_by_serial(crl.get(), &found, serial.get()) == 1 ? found : nullptr;
}

// -1: none is written.
long Reason(const X509_REVOKED* revoked) {
  int critical = 0;
  const OpensslPtr<ASN1_ENUMERATED, ASN1_ENUMERATED_free> reason(
      static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, &critical, nullptr)));
  return reason == nullptr ? -1 : ASN1_ENUMERATED_get(reason.get());
}

std::string Tool(const std::string& command) {
  int exit_code = 0;
  std::string output = RunTool(command, exit_code);
  EXPECT_EQ(exit_code, 0) << command << "\n" << output;
  return output;
}

void ExpectRefused(const RevocationListTemplate& list, absl::string_view problem) {
  const auto tbs = EncodeRevocationList(list, SignatureAlgorithm::kEcdsaSha384);
  ASSERT_FALSE(tbs.ok()) << problem;
  EXPECT_EQ(tbs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(tbs.status().message()), HasSubstr(std::string(problem)));
}

TEST(RevocationList, IsReadAndVerifiedByOpenssl) {
  RevocationListTemplate list = List();
  list.revoked = {{"80ffffffffffffffffffffffffffffffffffff", TestTime() - absl::Hours(1), 1},
                  {"7f", TestTime() + absl::Milliseconds(999), 0},
                  {"0102", TestTime(), 5}};
  const Crl crl = Parse(Sign(list));
  EXPECT_EQ(X509_CRL_get_version(crl.get()), X509_CRL_VERSION_2);
  const auto root = Root().ParseWithOpenssl();
  EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(root.get())), 1);
  EXPECT_EQ(X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_subject_name(root.get())), 0);
  EXPECT_EQ(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get())), 3);
  X509_REVOKED* stolen = Lookup(crl, "80ffffffffffffffffffffffffffffffffffff");
  ASSERT_NE(stolen, nullptr);
  EXPECT_EQ(Reason(stolen), 1);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(stolen), absl::ToTimeT(TestTime()) - 3600), 0);
  X509_REVOKED* plain = Lookup(crl, "7f");
  ASSERT_NE(plain, nullptr);
  EXPECT_EQ(Reason(plain), -1) << "unspecified is not written";
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(plain), absl::ToTimeT(TestTime())), 0);
  EXPECT_EQ(Reason(Lookup(crl, "0102")), 5);
  EXPECT_EQ(Lookup(crl, "0103"), nullptr);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl.get()), absl::ToTimeT(TestTime())), 0);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl.get()), absl::ToTimeT(list.next_update)), 0);
}

TEST(RevocationList, CarriesItsNumberAndTheKeyOfItsIssuer) {
  const Crl crl = Parse(Sign(List()));
  const OpensslPtr<ASN1_INTEGER, ASN1_INTEGER_free> number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr)));
  ASSERT_NE(number, nullptr);
  EXPECT_EQ(ASN1_INTEGER_get(number.get()), 300);
  const OpensslPtr<AUTHORITY_KEYID, AUTHORITY_KEYID_free> key(
      static_cast<AUTHORITY_KEYID*>(X509_CRL_get_ext_d2i(crl.get(), NID_authority_key_identifier, nullptr, nullptr)));
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(key->keyid)),
                        static_cast<std::size_t>(ASN1_STRING_length(key->keyid))),
            Root().subject_key_id());
  EXPECT_EQ(key->issuer, nullptr);
  EXPECT_EQ(key->serial, nullptr);
}

TEST(RevocationList, WritesNoListOfNothing) {
  const Crl crl = Parse(Sign(List()));
  EXPECT_EQ(X509_CRL_get_REVOKED(crl.get()), nullptr);
  EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(Root().ParseWithOpenssl().get())), 1);
}

TEST(RevocationList, IsReadByTheOpensslCommand) {
  RevocationListTemplate list = List();
  list.number = ~uint64_t{0};
  list.revoked = {{"0a0b", TestTime(), 4}};
  const std::string root = WriteTestFile("root.pem", Root().pem());
  const std::string crl = WriteTestFile("crl.pem", EncodePem("X509 CRL", Sign(list)));
  const std::string text = Tool(absl::StrCat("openssl crl -noout -text -CAfile ", root, " -in ", crl));
  EXPECT_THAT(text, HasSubstr("verify OK"));
  EXPECT_THAT(text, HasSubstr("Version 2 (0x1)"));
  EXPECT_THAT(text, HasSubstr("Last Update: Jan  1 00:00:00 2026 GMT"));
  EXPECT_THAT(text, HasSubstr("Serial Number: 0A0B"));
  EXPECT_THAT(text, HasSubstr("Superseded"));
  EXPECT_THAT(text, HasSubstr("18446744073709551615"));
  EXPECT_THAT(text, Not(HasSubstr("critical")));
}

TEST(RevocationList, IsReadByGnuTls) {
  RevocationListTemplate list = List();
  list.revoked = {{"0a0b", TestTime(), 1}};
  const std::string crl = WriteTestFile("crl.pem", EncodePem("X509 CRL", Sign(list)));
  const std::string text = Tool(absl::StrCat("certtool --crl-info --infile ", crl));
  EXPECT_THAT(text, HasSubstr("Revoked certificates (1)"));
  EXPECT_THAT(text, HasSubstr("0a0b"));
}

TEST(RevocationList, TellsTheSameWhateverTheOrder) {
  RevocationListTemplate list = List();
  list.revoked = {{"02", TestTime(), 0}, {"01", TestTime(), 0}};
  RevocationListTemplate turned = list;
  std::swap(turned.revoked[0], turned.revoked[1]);
  EXPECT_EQ(*EncodeRevocationList(list, SignatureAlgorithm::kEcdsaSha384),
            *EncodeRevocationList(turned, SignatureAlgorithm::kEcdsaSha384));
}

TEST(RevocationList, WritesTimesFrom2050OnInFull) {
  RevocationListTemplate list = List();
  list.this_update = absl::FromCivil(absl::CivilSecond(2049, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  list.next_update = list.this_update + absl::Seconds(1);
  const Crl crl = Parse(Sign(list));
  EXPECT_EQ(ASN1_STRING_type(X509_CRL_get0_lastUpdate(crl.get())), V_ASN1_UTCTIME);
  EXPECT_EQ(ASN1_STRING_type(X509_CRL_get0_nextUpdate(crl.get())), V_ASN1_GENERALIZEDTIME);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl.get()), absl::ToTimeT(list.next_update)), 0);
}

TEST(RevocationList, RefusesASerialThatIsNone) {
  for (const char* serial : {"", "1", "0A", "0x01", "g0", "00", "0000", "80ffffffffffffffffffffffffffffffffffffff",
                             "010203040506070809101112131415161718192021"}) {
    RevocationListTemplate list = List();
    list.revoked = {{serial, TestTime(), 0}};
    ExpectRefused(list, "serial");
  }
}

TEST(RevocationList, RefusesASerialThatStandsThereTwice) {
  RevocationListTemplate list = List();
  list.revoked = {{"0102", TestTime(), 0}, {"03", TestTime(), 0}, {"000102", TestTime(), 1}};
  ExpectRefused(list, "0102 stands there twice");
}

TEST(RevocationList, RefusesAReasonOfNoCompleteList) {
  for (const int reason : {-1, 7, 8, 11, 256}) {
    RevocationListTemplate list = List();
    list.revoked = {{"01", TestTime(), reason}};
    ExpectRefused(list, "reason");
  }
}

TEST(RevocationList, RefusesATimeThatIsNone) {
  RevocationListTemplate list = List();
  list.revoked = {{"01", absl::InfinitePast(), 0}};
  ExpectRefused(list, "revocationDate");
  list = List();
  list.this_update = absl::InfiniteFuture();
  ExpectRefused(list, "thisUpdate");
  list = List();
  list.next_update = absl::InfiniteFuture();
  ExpectRefused(list, "nextUpdate");
  list.next_update = list.this_update;
  ExpectRefused(list, "nextUpdate");
}

TEST(RevocationList, RefusesAnIssuerWithoutNameOrKey) {
  RevocationListTemplate list = List();
  list.issuer_der.clear();
  ExpectRefused(list, "issuer");
  list.issuer_der = std::string("\x30\0", 2);
  ExpectRefused(list, "issuer");
  list = List();
  list.authority_key_id.clear();
  ExpectRefused(list, "authorityKeyIdentifier");
}

}  // namespace
}  // namespace signet::x509
