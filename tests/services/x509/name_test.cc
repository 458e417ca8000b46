#include "services/x509/name.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;

TEST(Name, IsWrittenInTheOrderOfTheText) {
  EXPECT_EQ(absl::BytesToHexString(*NameDerFromText("CN=n1,C=CH,DC=x")),
            "302d310b300906035504030c026e31310b3009060355040613024348"
            "3111300f060a0992268993f22c64011916"
            "0178");
  EXPECT_EQ(*NameDerFromText("CN=n1"), CommonNameDer("n1"));
}

TEST(Name, ComesBackAsItWasWritten) {
  for (const char* text : {"CN=Slurm CA,O=Example", "O=A,OU=B,C=DE,L=Zürich,ST=ZH,DC=example,CN=x",
                           R"(CN=a\,b\+c\\d\"\<\>\;)", R"(CN=\ edge\ )", R"(CN=\#hash)", "CN=a=b", "CN=[n1]"}) {
    const auto der = NameDerFromText(text);
    ASSERT_TRUE(der.ok()) << text << ": " << der.status();
    EXPECT_EQ(NameTextFromDer(*der), text);
  }
}

TEST(Name, ForgivesSpacesAroundCommasAndReadsHexEscapes) {
  EXPECT_EQ(*NameDerFromText(" CN = Slurm CA , O=Example"), *NameDerFromText("CN=Slurm CA,O=Example"));
  EXPECT_EQ(*NameDerFromText(R"(CN=\c3\bc)"), *NameDerFromText("CN=ü"));
}

TEST(Name, RefusesWhatIsNoNameNamingThePart) {
  const auto message = [](absl::string_view text) {
    const auto der = NameDerFromText(text);
    EXPECT_EQ(base::ReasonOf(der.status()), base::kMalformed) << text;
    return std::string(der.status().message());
  };
  EXPECT_THAT(message(""), HasSubstr("empty"));
  EXPECT_THAT(message("Slurm CA"), HasSubstr("no '='"));
  EXPECT_THAT(message("CN=x,"), HasSubstr("no '='"));
  EXPECT_THAT(message("X=1"), HasSubstr("X: unknown"));
  EXPECT_THAT(message("cn=x"), HasSubstr("cn: unknown"));
  EXPECT_THAT(message("CN="), HasSubstr("CN: empty"));
  EXPECT_THAT(message(absl::StrCat("CN=", std::string(65, 'x'))), HasSubstr("CN: 65 characters, the limit is 64"));
  EXPECT_THAT(message("CN=x,C=ch"), HasSubstr("C: not a country code"));
  EXPECT_THAT(message("C=CHE"), HasSubstr("C: 3 characters"));
  EXPECT_THAT(message("DC=ü"), HasSubstr("DC: only ASCII"));
  EXPECT_THAT(message("CN=a+O=b"), HasSubstr("needs a backslash"));
  EXPECT_THAT(message("CN=a\\"), HasSubstr("ends in a backslash"));
  EXPECT_THAT(message("CN=a\\00b"), HasSubstr("control character"));
  EXPECT_THAT(message("CN=\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(message(std::string(2000, 'x')), HasSubstr("the limit is 1024"));
}

TEST(Name, ShowsUnknownAttributesAndStringsAsHex) {
  EXPECT_EQ(NameTextFromDer(absl::HexStringToBytes("3010310e300c06035504051305") + "12345"), "2.5.4.5=12345");
  EXPECT_EQ(NameTextFromDer(absl::HexStringToBytes("300d310b300906035504031e020041")), "CN=#1e020041");
  EXPECT_EQ(NameTextFromDer("junk"), "(malformed name)");
  EXPECT_EQ(NameTextFromDer(absl::HexStringToBytes("3000")), "");
}

}  // namespace
}  // namespace signet::x509
