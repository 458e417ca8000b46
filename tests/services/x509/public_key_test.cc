#include "services/x509/public_key.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/der.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;

void ExpectRefused(absl::string_view spki, absl::string_view problem) {
  const auto key = PublicKey::FromSpkiDer(spki);
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(key.status()), base::kKeyRefused);
  EXPECT_THAT(std::string(key.status().message()), HasSubstr(std::string(problem)));
}

std::string EcSpki(absl::string_view curve_oid, absl::string_view point) {
  const std::string algorithm =
      WriteDer(kDerSequence, absl::StrCat(WriteDerOid("1.2.840.10045.2.1"), WriteDerOid(curve_oid)));
  return WriteDer(kDerSequence, absl::StrCat(algorithm, WriteDerBits(point)));
}

std::string RsaSpki(absl::string_view modulus_der, absl::string_view exponent_der) {
  const std::string algorithm =
      WriteDer(kDerSequence, absl::StrCat(WriteDerOid("1.2.840.113549.1.1.1"), WriteDer(kDerNull, "")));
  const std::string numbers = WriteDer(kDerSequence, absl::StrCat(modulus_der, exponent_der));
  return WriteDer(kDerSequence, absl::StrCat(algorithm, WriteDerBits(numbers)));
}

std::string P256Point() { return TestKey::Ec().spki().substr(26); }

TEST(PublicKey, NamesEveryKindItReads) {
  const auto check = [](const TestKey& key, KeyType type, int bits) {
    const auto parsed = PublicKey::FromSpkiDer(key.spki());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->type(), type);
    EXPECT_EQ(parsed->bits(), bits);
    EXPECT_EQ(parsed->spki_der(), key.spki());
  };
  check(TestKey::Ec("P-256"), KeyType::kEcP256, 256);
  check(TestKey::Ec("P-384"), KeyType::kEcP384, 384);
  check(TestKey::Ec("P-521"), KeyType::kEcP521, 521);
  check(TestKey::Rsa(2048), KeyType::kRsa, 2048);
  check(TestKey::Rsa(1025), KeyType::kRsa, 1025);
  check(TestKey::RsaPss(), KeyType::kRsaPss, 2048);
  check(TestKey::Ed25519(), KeyType::kEd25519, 256);
}

TEST(PublicKey, HasTheDigestAndKeyIdThatOpensslComputes) {
  const PublicKey key = TestKey::Ec().public_key();
  int exit_code = 0;
  const std::string path = WriteTestFile("spki", key.spki_der());
  const std::string output = RunTool(absl::StrCat("openssl dgst -sha256 -r ", path), exit_code);
  ASSERT_EQ(exit_code, 0) << output;
  EXPECT_EQ(absl::BytesToHexString(key.spki_sha256()), output.substr(0, 64));
  EXPECT_EQ(key.key_id(), output.substr(0, 32));
}

TEST(PublicKey, ShowsTheNumbersOfAnRsaKeyAndNoneOfAnEcKey) {
  const PublicKey rsa = TestKey::Rsa().public_key();
  EXPECT_EQ(rsa.rsa_modulus().size(), 256U);
  EXPECT_EQ(absl::BytesToHexString(rsa.rsa_exponent()), "010001");
  EXPECT_EQ(TestKey::Ec().public_key().rsa_modulus(), "");
}

TEST(PublicKey, ReadsAnEvenExponentForPolicyToRefuse) {
  const std::string modulus = WriteDerInteger(TestKey::Rsa().public_key().rsa_modulus());
  const auto key = PublicKey::FromSpkiDer(RsaSpki(modulus, WriteDerInteger("\x04")));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->rsa_exponent(), "\x04");
}

TEST(PublicKey, RefusesSecp256k1ByItsName) {
  ExpectRefused(TestKey::Ec("secp256k1").spki(), "1.3.132.0.10 (secp256k1)");
}
TEST(PublicKey, RefusesACurveOutsideTheList) {
  ExpectRefused(TestKey::Ec("P-224").spki(), "curve 1.3.132.0.33 is refused");
}
TEST(PublicKey, RefusesExplicitCurveParameters) {
  ExpectRefused(TestKey::ExplicitEc().spki(), "explicit curve parameters");
}

TEST(PublicKey, RefusesAPointOffItsCurve) {
  std::string point = P256Point();
  ASSERT_TRUE(PublicKey::FromSpkiDer(EcSpki("1.2.840.10045.3.1.7", point)).ok());
  point.back() = static_cast<char>(point.back() ^ 1);
  ExpectRefused(EcSpki("1.2.840.10045.3.1.7", point), "point off its curve");
  ExpectRefused(EcSpki("1.2.840.10045.3.1.7", absl::StrCat("\x04", std::string(64, '\xff'))), "point off its curve");
}

TEST(PublicKey, RefusesThePointAtInfinity) {
  ExpectRefused(EcSpki("1.2.840.10045.3.1.7", absl::string_view("\0", 1)), "point at infinity");
  ExpectRefused(EcSpki("1.2.840.10045.3.1.7", absl::StrCat("\x04", std::string(64, '\0'))), "point off its curve");
}

TEST(PublicKey, RefusesCompressedAndHybridPoints) {
  std::string point = P256Point();
  const char parity = static_cast<char>(point.back() & 1);
  ExpectRefused(
      EcSpki("1.2.840.10045.3.1.7", absl::StrCat(std::string(1, static_cast<char>(2 + parity)), point.substr(1, 32))),
      "uncompressed form");
  point.front() = static_cast<char>(6 + parity);
  ExpectRefused(EcSpki("1.2.840.10045.3.1.7", point), "uncompressed form");
}

TEST(PublicKey, RefusesAPointOfAnotherCurvesSize) {
  ExpectRefused(EcSpki("1.3.132.0.34", P256Point()), "uncompressed form");
}

TEST(PublicKey, RefusesMoreThan16384RsaBitsWithoutArithmetic) {
  const std::string modulus = WriteDerInteger(absl::StrCat("\x01", std::string(2047, '\0'), "\x01"));
  ExpectRefused(RsaSpki(modulus, WriteDerInteger("\x03")), "16385 bits, the limit is 16384");
  ExpectRefused(RsaSpki(WriteDerInteger(std::string(60000, '\xff')), WriteDerInteger(std::string(60000, '\xff'))),
                "480000 bits");
  EXPECT_EQ(
      PublicKey::FromSpkiDer(RsaSpki(WriteDerInteger(std::string(2048, '\xff')), WriteDerInteger("\x03")))->bits(),
      16384);
}

TEST(PublicKey, RefusesRsaNumbersThatAreNone) {
  const std::string modulus = WriteDerInteger(TestKey::Rsa().public_key().rsa_modulus());
  ExpectRefused(RsaSpki(WriteDer(kDerInteger, "\x80"), WriteDerInteger("\x03")), "not positive");
  ExpectRefused(RsaSpki(modulus, WriteDer(kDerInteger, "\xff")), "not positive");
  ExpectRefused(RsaSpki(WriteDerInteger(""), WriteDerInteger("\x03")), "modulus of zero");
  ExpectRefused(RsaSpki(WriteDer(kDerInteger, ""), WriteDerInteger("\x03")), "not positive");
  ExpectRefused(RsaSpki(modulus, WriteDerInteger(std::string(300, '\x7f'))), "exponent longer than the modulus");
}

TEST(PublicKey, RefusesAnyEncodingButTheCanonicalOne) {
  const std::string modulus = TestKey::Rsa().public_key().rsa_modulus();
  const std::string padded = WriteDer(kDerInteger, absl::StrCat(std::string(2, '\0'), modulus));
  ExpectRefused(RsaSpki(padded, WriteDerInteger("\x03")), "public key");
  const std::string numbers = WriteDer(kDerSequence, absl::StrCat(WriteDerInteger(modulus), WriteDerInteger("\x03")));
  const std::string no_null = WriteDer(kDerSequence, WriteDerOid("1.2.840.113549.1.1.1"));
  ExpectRefused(WriteDer(kDerSequence, absl::StrCat(no_null, WriteDerBits(numbers))), "canonical");
}

TEST(PublicKey, RefusesTrailingBytes) {
  ExpectRefused(absl::StrCat(TestKey::Ec().spki(), "x"), "1 trailing bytes");
  ExpectRefused(absl::StrCat(TestKey::Ed25519().spki(), "x"), "1 trailing bytes");
}

TEST(PublicKey, RefusesUnknownAlgorithmsByTheirOid) {
  const std::string algorithm = WriteDer(kDerSequence, WriteDerOid("1.3.101.110"));
  ExpectRefused(WriteDer(kDerSequence, absl::StrCat(algorithm, WriteDerBits(std::string(32, 'x')))),
                "algorithm 1.3.101.110");
  ExpectRefused("", "missing or truncated");
  ExpectRefused("garbage", "public key");
}

TEST(PublicKey, VerifiesEveryAlgorithmOfItsKind) {
  const TestKey ec = TestKey::Ec("P-384");
  const TestKey rsa = TestKey::Rsa();
  for (const auto algorithm :
       {SignatureAlgorithm::kEcdsaSha256, SignatureAlgorithm::kEcdsaSha384, SignatureAlgorithm::kEcdsaSha512}) {
    EXPECT_TRUE(ec.public_key().Verify(algorithm, "message", ec.Sign(algorithm, "message")).ok());
  }
  for (const auto algorithm :
       {SignatureAlgorithm::kRsaSha256, SignatureAlgorithm::kRsaSha384, SignatureAlgorithm::kRsaSha512}) {
    EXPECT_TRUE(rsa.public_key().Verify(algorithm, "message", rsa.Sign(algorithm, "message")).ok());
  }
}

TEST(PublicKey, RefusesASignatureThatDoesNotHold) {
  const TestKey key = TestKey::Ec();
  const auto algorithm = SignatureAlgorithm::kEcdsaSha256;
  const std::string signature = key.Sign(algorithm, "message");
  const auto refuses = [&](const PublicKey& with, SignatureAlgorithm as, absl::string_view message,
                           absl::string_view bytes) {
    const absl::Status status = with.Verify(as, message, bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(base::ReasonOf(status), base::kEvidenceInvalid);
  };
  refuses(key.public_key(), algorithm, "massage", signature);
  refuses(key.public_key(), algorithm, "message", "");
  refuses(key.public_key(), algorithm, "message", absl::StrCat(signature, "x"));
  refuses(key.public_key(), SignatureAlgorithm::kEcdsaSha384, "message", signature);
  refuses(key.public_key(), SignatureAlgorithm::kRsaSha256, "message", signature);
  refuses(TestKey::Ec().public_key(), algorithm, "message", signature);
  refuses(TestKey::Ed25519().public_key(), algorithm, "message", signature);
}

TEST(PublicKey, ComparesByItsBytes) {
  const TestKey key = TestKey::Ec();
  EXPECT_EQ(key.public_key(), key.public_key());
  EXPECT_FALSE(key.public_key() == TestKey::Ec().public_key());
}

TEST(PublicKey, HashesAsTheStandardSays) {
  EXPECT_EQ(absl::BytesToHexString(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace signet::x509
