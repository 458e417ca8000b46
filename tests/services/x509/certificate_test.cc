#include "services/x509/certificate.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/reason.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"
#include "test_key.h"
#include "tests/golden/refused_roots.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const TestKey& Key() {
  static const TestKey key = TestKey::Ec();
  return key;
}
const Certificate& Root() {
  static const Certificate root = Issue(RootTemplate("Slurm CA", Key()), Key());
  return root;
}

TEST(Certificate, ComesBackFromPemAndDer) {
  EXPECT_EQ(Certificate::FromDer(Root().der())->der(), Root().der());
  EXPECT_EQ(Certificate::FromPem(Root().pem())->der(), Root().der());
  EXPECT_EQ(Root().subject(), "CN=Slurm CA");
  EXPECT_EQ(Root().issuer(), "CN=Slurm CA");
  EXPECT_EQ(Root().serial(), "010203040506070809");
}

TEST(Certificate, ReadsListsInTheOrderOfTheFile) {
  const Certificate leaf = Issue(LeafTemplate("n1", TestKey::Ec(), Root()), Key());
  const auto list = Certificate::ListFromPem(absl::StrCat("# leaf\n", leaf.pem(), "\n# root\n", Root().pem()));
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_THAT(*list, SizeIs(2));
  EXPECT_EQ((*list)[0].common_name(), "n1");
  EXPECT_EQ((*list)[1].common_name(), "Slurm CA");
}

TEST(Certificate, RefusesListsThatAreEmptyTooLongOrMixed) {
  const auto reason = [](absl::string_view pem) { return base::ReasonOf(Certificate::ListFromPem(pem, 2).status()); };
  EXPECT_EQ(reason(""), base::kMalformed);
  EXPECT_EQ(reason("# nothing\n"), base::kMalformed);
  EXPECT_EQ(reason(absl::StrCat(Root().pem(), Root().pem(), Root().pem())), base::kMalformed);
  EXPECT_EQ(reason(absl::StrCat(Root().pem(), EncodePem("PRIVATE KEY", "x"))), base::kMalformed);
  EXPECT_EQ(reason(absl::StrCat(Root().pem(), EncodePem("CERTIFICATE", "x"))), base::kMalformed);
}

TEST(Certificate, RefusesBytesThatAreNotExactlyOne) {
  const auto reason = [](absl::string_view der) { return base::ReasonOf(Certificate::FromDer(der).status()); };
  EXPECT_EQ(reason(""), base::kMalformed);
  EXPECT_EQ(reason("garbage"), base::kMalformed);
  EXPECT_EQ(reason(absl::StrCat(Root().der(), "x")), base::kMalformed);
  EXPECT_EQ(reason(absl::StrCat(Root().der(), Root().der())), base::kMalformed);
  EXPECT_EQ(reason(Root().tbs_der()), base::kMalformed);
  EXPECT_EQ(reason(std::string(65537, '\x30')), base::kMalformed);
  EXPECT_EQ(base::ReasonOf(Certificate::FromPem(Root().pem() + Root().pem()).status()), base::kMalformed);
  for (std::size_t size = 0; size < Root().der().size(); ++size) {
    EXPECT_FALSE(Certificate::FromDer(Root().der().substr(0, size)).ok()) << size;
  }
}

TEST(Certificate, RefusesAnExtensionThatIsThereTwice) {
  // SKI (2.5.29.14) renamed to AKI's neighbour: keyUsage (2.5.29.15) appears a second time.
  const std::string twice = absl::StrReplaceAll(Root().der(), {{"\x06\x03\x55\x1d\x0e", "\x06\x03\x55\x1d\x0f"}});
  ASSERT_NE(twice, Root().der());
  EXPECT_THAT(std::string(Certificate::FromDer(twice).status().message()), HasSubstr("broken or there twice"));
}

TEST(Certificate, ReadsWhatOpensslWrites) {
  int exit_code = 0;
  const std::string key = WriteTestFile("key.pem", "");
  const std::string pem =
      RunTool(absl::StrCat("(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ", key,
                           " -subj '/O=Example/CN=n1' -days 30 2>/dev/null)"),
              exit_code);
  ASSERT_EQ(exit_code, 0) << pem;
  const auto certificate = Certificate::FromPem(pem);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(certificate->subject(), "O=Example,CN=n1");
  EXPECT_EQ(certificate->common_name(), "n1");
}

TEST(Certificate, TellsWhetherItMaySignLists) {
  EXPECT_TRUE(Root().allows_list_signing());
  EXPECT_FALSE(Issue(LeafTemplate("n1", Key(), Root()), Key()).allows_list_signing());
  // keyCertSign and cRLSign, and keyCertSign alone.
  const auto without =
      Certificate::FromDer(absl::StrReplaceAll(Root().der(), {{"\x03\x02\x01\x06", "\x03\x02\x02\x04"}}));
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_TRUE(without->allows_certificate_signing());
  EXPECT_FALSE(without->allows_list_signing());
}

TEST(Certificate, HasNoCommonNameWhenThereAreTwo) {
  CertificateTemplate leaf = LeafTemplate("n1", Key(), Root());
  leaf.subject_der = *NameDerFromText("CN=n1,CN=n2");
  EXPECT_EQ(Issue(leaf, Key()).common_name(), "");
  leaf.subject_der = *NameDerFromText("O=n1");
  EXPECT_EQ(Issue(leaf, Key()).common_name(), "");
}

TEST(Certificate, KnowsItsIssuerByNameAndKey) {
  const Certificate leaf = Issue(LeafTemplate("n1", TestKey::Ec(), Root()), Key());
  EXPECT_TRUE(leaf.VerifySignedBy(Root()).ok());
  EXPECT_FALSE(leaf.self_signed());
  const TestKey other = TestKey::Ec();
  const Certificate same_name = Issue(RootTemplate("Slurm CA", other), other);
  EXPECT_THAT(std::string(leaf.VerifySignedBy(same_name).message()), HasSubstr("not signed by the key of CN=Slurm CA"));
  const Certificate same_key = Issue(RootTemplate("Other CA", Key()), Key());
  EXPECT_THAT(std::string(leaf.VerifySignedBy(same_key).message()),
              HasSubstr("its issuer is CN=Slurm CA, not CN=Other CA"));
}

TEST(Certificate, IsNotSelfSignedByClaimingItsOwnName) {
  EXPECT_FALSE(Issue(RootTemplate("Slurm CA", TestKey::Ec()), Key()).self_signed());
}

TEST(Certificate, NeverPassesWhatOpensslRefusesForASecondOpinion) {
  const std::vector<std::string> roots = signet::testing::RefusedRoots();
  ASSERT_THAT(roots, SizeIs(4));
  // A serial in a longer form than need be is refused here already.
  EXPECT_THAT(std::string(Certificate::FromPem(roots[0]).status().message()), HasSubstr("shortest form"));
  for (std::size_t i = 1; i < roots.size(); ++i) {
    const auto root = Certificate::FromPem(roots[i]);
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(root->ParseWithOpenssl(), nullptr) << roots[i];
  }
  EXPECT_NE(Root().ParseWithOpenssl(), nullptr);
}

TEST(Certificate, ReadsASerialInItsShortestFormOnly) {
  const std::string der = Root().der();
  const std::string serial = WriteDerInteger(absl::HexStringToBytes("010203040506070809"));
  ASSERT_NE(der.find(serial), std::string::npos);
  const auto with = [&](absl::string_view hex) {
    return Certificate::FromDer(
        absl::StrReplaceAll(der, {{serial, WriteDer(kDerInteger, absl::HexStringToBytes(hex))}}));
  };
  EXPECT_TRUE(with("008203040506070809").ok());
  EXPECT_FALSE(with("000203040506070809").ok());
  EXPECT_FALSE(with("ff8203040506070809").ok());
  EXPECT_TRUE(with("ff0203040506070809").ok());
}

}  // namespace
}  // namespace signet::x509
