#include "services/x509/pem.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/reason.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kBlock[] = "-----BEGIN THING-----\nAAECAw==\n-----END THING-----\n";
const std::string kBlockDer("\0\1\2\3", 4);

void ExpectRefused(absl::string_view text, absl::string_view problem) {
  const auto blocks = ParsePem(text);
  ASSERT_FALSE(blocks.ok()) << text;
  EXPECT_EQ(blocks.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(blocks.status()), base::kMalformed);
  EXPECT_THAT(std::string(blocks.status().message()), HasSubstr(std::string(problem)));
}

TEST(Pem, ReadsBlocksAndSkipsTheTextBetweenThem) {
  const auto blocks = ParsePem(absl::StrCat("# our CA -- old\n", kBlock, "\n\nnew:\n", kBlock, "end"));
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_THAT(*blocks, SizeIs(2));
  EXPECT_EQ((*blocks)[1].label, "THING");
  EXPECT_EQ((*blocks)[1].der, kBlockDer);
}

TEST(Pem, ReadsCarriageReturnsAndAnEndWithoutNewline) {
  EXPECT_EQ(*ParseSinglePem("-----BEGIN THING-----\r\nAAEC\r\nAw==\r\n-----END THING-----", "THING"), kBlockDer);
}

TEST(Pem, WritesLinesOf64CharactersThatReadBackTheSame) {
  EXPECT_EQ(EncodePem("THING", kBlockDer), kBlock);
  for (std::size_t size = 1; size < 200; ++size) {
    std::string der;
    for (std::size_t i = 0; i < size; ++i) der.push_back(static_cast<char>(i * 37 + size));
    const std::string text = EncodePem("THING", der);
    EXPECT_EQ(*ParseSinglePem(text, "THING"), der);
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      EXPECT_LE(end - begin, 64U);
    }
  }
}

TEST(Pem, RefusesAHeaderInsideABlock) {
  ExpectRefused("-----BEGIN THING-----\nProc-Type: 4,ENCRYPTED\n\nAAECAw==\n-----END THING-----\n",
                "line 2: a header inside a block");
}

TEST(Pem, RefusesBadBase64NamingTheLine) {
  ExpectRefused("-----BEGIN THING-----\nAAEC\nA!==\n-----END THING-----\n", "line 3: not base64");
  ExpectRefused("-----BEGIN THING-----\nAA EC\n-----END THING-----\n", "line 2: not base64");
  ExpectRefused("-----BEGIN THING-----\nAA==AAEC\n-----END THING-----\n", "line 2: not base64");
  ExpectRefused("-----BEGIN THING-----\nAA===\n-----END THING-----\n", "line 2: not base64");
}

TEST(Pem, RefusesBase64ThatIsIncompleteOrNotCanonical) {
  for (const char* body : {"", "A", "A===", "AA", "AA=", "AAE", "AAEC=", "AB==", "AAF=", "===="}) {
    const std::string text = absl::StrCat("-----BEGIN THING-----\n", body, "\n-----END THING-----\n");
    EXPECT_FALSE(ParsePem(text).ok()) << body;
  }
}

TEST(Pem, RefusesABeginWithoutItsEnd) {
  ExpectRefused("\n-----BEGIN THING-----\nAAEC\n", "line 2: BEGIN without its END");
  ExpectRefused("-----BEGIN THING-----\nAAEC\n-----END OTHER-----\n", "line 1: BEGIN without its END");
  ExpectRefused(absl::StrCat("-----BEGIN THING-----\nAAEC\n", kBlock), "line 1: BEGIN without its END");
  ExpectRefused("-----BEGIN THING-----\nAAEC-----END THING-----\n", "not base64");
  ExpectRefused("-----BEGIN THING-----", "BEGIN without its END");
}

TEST(Pem, RefusesAnEndWithoutBegin) { ExpectRefused("\n-----END THING-----\n", "line 2: END without BEGIN"); }

TEST(Pem, RefusesABoundaryThatIsNotOne) {
  ExpectRefused("-----BEGIN -----\n", "line 1: a BEGIN line");
  ExpectRefused("-----BEGIN THING----\n", "line 1: a BEGIN line");
  ExpectRefused("-----BEGIN TH\x01NG-----\n", "line 1: a BEGIN line");
}

TEST(Pem, RefusesANulNamingTheLine) {
  ExpectRefused(absl::StrCat(kBlock, absl::string_view("\0", 1)), "line 4: a NUL");
}

TEST(Pem, RefusesMoreBytesOrBlocksThanTheLimit) {
  EXPECT_TRUE(ParsePem(absl::StrCat(kBlock, kBlock), {.blocks = 2}).ok());
  EXPECT_THAT(std::string(ParsePem(absl::StrCat(kBlock, kBlock), {.blocks = 1}).status().message()),
              HasSubstr("line 4: more than 1 blocks"));
  EXPECT_TRUE(ParsePem(std::string(65536, 'x')).ok());
  ExpectRefused(std::string(65537, 'x'), "65537 bytes, the limit is 65536");
}

// CVE-2024-12401: shapes that make a parser start over at every dash. A quadratic reader would look at 10^14 characters
// here.
TEST(Pem, ReadsMegabytesOfDashesInOnePass) {
  const PemLimits limits{.bytes = 64U << 20, .blocks = 16};
  const auto dashes = ParsePem(std::string(16U << 20, '-'), limits);
  ASSERT_TRUE(dashes.ok());
  EXPECT_THAT(*dashes, IsEmpty());
  std::string begins;
  while (begins.size() < (16U << 20)) begins += "-----BEGIN";
  EXPECT_TRUE(ParsePem(begins, limits).ok());
  EXPECT_FALSE(ParsePem(absl::StrReplaceAll(begins, {{"N", "N X-----\n"}}), limits).ok());
  EXPECT_FALSE(ParsePem(absl::StrCat("-----BEGIN X-----\n", std::string(16U << 20, '\n')), limits).ok());
}

TEST(Pem, WantsOneBlockAloneWhereOneIsExpected) {
  EXPECT_EQ(*ParseSinglePem(absl::StrCat("\n \t\n", kBlock, "\n"), "THING"), kBlockDer);
  const auto message = [](absl::string_view text, absl::string_view label) {
    return std::string(ParseSinglePem(text, label).status().message());
  };
  EXPECT_THAT(message(absl::StrCat("warning: x\n", kBlock), "THING"), HasSubstr("line 1: text outside"));
  EXPECT_THAT(message(absl::StrCat(kBlock, "x"), "THING"), HasSubstr("line 4: text outside"));
  EXPECT_THAT(message(absl::StrCat(kBlock, kBlock), "THING"), HasSubstr("more than 1 blocks"));
  EXPECT_THAT(message(kBlock, "OTHER"), HasSubstr("a THING block where a OTHER block belongs"));
  EXPECT_THAT(message("", "THING"), HasSubstr("no THING block"));
}

}  // namespace
}  // namespace signet::x509
