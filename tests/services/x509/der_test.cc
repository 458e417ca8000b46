#include "services/x509/der.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "services/base/reason.h"
#include "services/x509/certificate_request.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;

absl::string_view Bytes(absl::string_view hex) {
  static std::string storage;
  storage = absl::HexStringToBytes(hex);
  return storage;
}

void ExpectRefused(absl::string_view hex, absl::string_view problem) {
  const auto result = ReadDer(Bytes(hex), kDerSequence, "field");
  ASSERT_FALSE(result.ok()) << hex;
  EXPECT_EQ(base::ReasonOf(result.status()), base::kMalformed);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(std::string(problem))) << hex;
}

TEST(Der, ReadsOneElementAndItsContents) {
  EXPECT_EQ(*ReadDer(Bytes("3003020105"), kDerSequence, "field"), absl::HexStringToBytes("020105"));
}

TEST(Der, RefusesIndefiniteLength) { ExpectRefused("30800000", "indefinite length"); }
TEST(Der, RefusesALengthInALongerFormThanNeeded) {
  ExpectRefused("308103020105", "shortest form");
  ExpectRefused("30820003020105", "shortest form");
}
TEST(Der, RefusesAGiantLength) {
  ExpectRefused("3084ffffffff00", "longer than the bytes");
  ExpectRefused("3085010000000000", "more than 4 octets");
  ExpectRefused("30ff00", "more than 4 octets");
}
TEST(Der, RefusesTruncation) {
  ExpectRefused("", "truncated");
  ExpectRefused("30", "truncated");
  ExpectRefused("3082", "truncated");
  ExpectRefused("30030201", "longer than the bytes");
}
TEST(Der, RefusesTrailingBytes) { ExpectRefused("300000", "1 trailing bytes"); }
TEST(Der, RefusesAnotherTag) { ExpectRefused("3100", "tag 0x31 where 0x30 belongs"); }
TEST(Der, RefusesAMultiByteTag) {
  EXPECT_THAT(std::string(DerReader(Bytes("1f8100")).ReadAny("field").status().message()), HasSubstr("multi-byte tag"));
}
TEST(Der, RefusesABitStringWithUnusedBits) {
  EXPECT_FALSE(BitStringOctets(Bytes("01fe"), "bits").ok());
  EXPECT_FALSE(BitStringOctets("", "bits").ok());
  EXPECT_EQ(*BitStringOctets(Bytes("00fe"), "bits"), "\xfe");
}

TEST(Der, WritesTheShortestLengthAtEveryStep) {
  for (const std::size_t size : {0, 1, 127, 128, 255, 256, 65535, 65536}) {
    const std::string contents(size, 'x');
    const std::string written = WriteDer(kDerOctetString, contents);
    const auto read = ReadDer(written, kDerOctetString, "field");
    ASSERT_TRUE(read.ok()) << size;
    EXPECT_EQ(*read, contents);
  }
}

TEST(Der, WritesPositiveMinimalIntegers) {
  EXPECT_EQ(absl::BytesToHexString(WriteDerInteger("")), "020100");
  EXPECT_EQ(absl::BytesToHexString(WriteDerInteger(Bytes("0000"))), "020100");
  EXPECT_EQ(absl::BytesToHexString(WriteDerInteger(Bytes("007f"))), "02017f");
  EXPECT_EQ(absl::BytesToHexString(WriteDerInteger(Bytes("80"))), "02020080");
}

TEST(Der, WritesAndReadsOidsUpTo128BitArcs) {
  EXPECT_EQ(absl::BytesToHexString(WriteDerOid("1.2.840.113549.1.1.11")), "06092a864886f70d01010b");
  EXPECT_EQ(absl::BytesToHexString(WriteDerOid("2.5.4.3")), "0603550403");
  for (const char* oid : {kStatementOid, "0.9.2342.19200300.100.1.25", "1.3.132.0.34", "2.999.1", "1.0.0",
                          "2.25.340282366920938463463374607431768211455"}) {
    const std::string written = WriteDerOid(oid);
    EXPECT_EQ(OidText(*ReadDer(written, kDerOid, "oid")), oid);
  }
}

TEST(Der, CallsABrokenOidBroken) {
  for (const char* hex : {"", "2a86", "2a8001", "80", "69ffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_EQ(OidText(Bytes(hex)), "(malformed oid)") << hex;
  }
  EXPECT_EQ(OidText(std::string(65, '\x01')), "(malformed oid)");
}

}  // namespace
}  // namespace signet::x509
