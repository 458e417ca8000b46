#include "services/bundle/ca_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "tests/golden/refused_roots.h"
#include "tests/services/bundle/anchors.h"

namespace signet::bundle {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(RenderCaFile, WritesACommentAndACertificateEach) {
  const std::vector<x509::Certificate> anchors = {MakeAnchor({.common_name = "Old"}),
                                                  MakeAnchor({.common_name = "New"})};
  const std::string content = *RenderCaFile(anchors);
  EXPECT_THAT(content, StartsWith("# CN=Old\n-----BEGIN CERTIFICATE-----\n"));
  EXPECT_THAT(content, HasSubstr("\n# CN=New\n"));
  EXPECT_THAT(FaultsOfCaFile(content, Now()), IsEmpty());
  EXPECT_EQ(x509::Certificate::ListFromPem(content)->size(), 2u);
}

// Subjects of one to sixty-four characters make sizes on both sides of a page's end.
TEST(RenderCaFile, NeverMakesAMultipleOfFourKib) {
  std::size_t padded = 0;
  // Signatures differ in length, so which sizes come up is chance: few rounds have no such file.
  for (std::size_t round = 0; round < 22 * 50 && (round < 22 || padded == 0); ++round) {
    const x509::Certificate anchor = MakeAnchor({.common_name = std::string(1 + 3 * (round % 22), 'x')});
    for (std::size_t count = 1; count <= 24; ++count) {
      const std::string content = *RenderCaFile(std::vector<x509::Certificate>(count, anchor));
      EXPECT_NE(content.size() % 4096, 0u);
      if (content.size() % 4096 != 1) continue;
      EXPECT_THAT(FaultsOfCaFile(content, Now()), IsEmpty());
      ++padded;
    }
  }
  // Without a file that had to be padded this test would show nothing.
  EXPECT_GT(padded, 0u);
}

TEST(RenderCaFile, MakesASubjectHarmless) {
  const x509::Certificate anchor = MakeAnchor({.common_name = "a----b -----END CERTIFICATE-----"});
  const std::string content = *RenderCaFile({anchor});
  const std::string comment = content.substr(0, content.find('\n'));
  EXPECT_THAT(comment, Not(HasSubstr("--")));
  EXPECT_THAT(FaultsOfCaFile(content, Now()), IsEmpty());
}

TEST(RenderCaFile, RefusesNoAnchorAndALeaf) {
  EXPECT_EQ(base::ReasonOf(RenderCaFile({}).status()), base::kMalformed);
  EXPECT_EQ(base::ReasonOf(RenderCaFile({MakeAnchor({.is_ca = false})}).status()), base::kMalformed);
}

TEST(RenderCaFile, RefusesWhatOpensslCannotParse) {
  int tried = 0;
  for (const std::string& pem : signet::testing::RefusedRoots()) {
    const auto root = x509::Certificate::FromPem(pem);
    if (!root.ok()) continue;
    EXPECT_EQ(base::ReasonOf(RenderCaFile({MakeAnchor(), *root}).status()), base::kMalformed) << pem;
    ++tried;
  }
  EXPECT_EQ(tried, 3);
}

class FaultsTest : public ::testing::Test {
 protected:
  std::vector<std::string> Faults(const std::string& content) { return FaultsOfCaFile(content, Now()); }
  const std::string good_ = *RenderCaFile({MakeAnchor()});
};

TEST_F(FaultsTest, AreNoneForWhatSlurmAccepts) {
  EXPECT_THAT(Faults(good_), IsEmpty());
  EXPECT_THAT(Faults("# a comment\n\n" + good_ + good_ + "\n\n\n"), IsEmpty());
  EXPECT_THAT(Faults("free text - with a dash\n" + good_), IsEmpty());
}

TEST_F(FaultsTest, FindEveryMultipleOfFourKib) {
  for (const std::size_t size : {4096u, 8192u}) {
    std::string padded = "#" + std::string(size - good_.size() - 2, 'x') + "\n" + good_;
    ASSERT_EQ(padded.size(), size);
    EXPECT_THAT(Faults(padded), ElementsAre(HasSubstr("multiple of 4096")));
    EXPECT_THAT(Faults(padded + "\n"), IsEmpty());
    EXPECT_THAT(Faults(padded.substr(0, 1) + padded.substr(2)), IsEmpty());
  }
}

TEST_F(FaultsTest, FindTextAfterTheLastEnd) {
  EXPECT_THAT(Faults(good_ + "# the end\n"), ElementsAre(HasSubstr("after the last END")));
  EXPECT_THAT(Faults(good_ + "x"), ElementsAre(HasSubstr("after the last END")));
  EXPECT_THAT(Faults(good_ + "# between\n" + good_), IsEmpty());
}

TEST_F(FaultsTest, FindTwoDashesInAComment) {
  EXPECT_THAT(Faults("# -- old --\n" + good_), ElementsAre(HasSubstr("line 1")));
  EXPECT_THAT(Faults(good_ + "# a--b\n" + good_), ElementsAre(HasSubstr("\"--\"")));
}

TEST_F(FaultsTest, FindWhatIsNoCertificate) {
  EXPECT_THAT(Faults(""), ElementsAre(HasSubstr("no certificate")));
  EXPECT_THAT(Faults("# nothing\n"), ElementsAre(HasSubstr("no certificate")));
  EXPECT_THAT(Faults(good_ + std::string(1, '\0')), Not(IsEmpty()));
  EXPECT_THAT(Faults(good_.substr(0, good_.size() / 2)), Not(IsEmpty()));
  EXPECT_THAT(Faults("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              ElementsAre(HasSubstr("certificate 1: does not parse")));
  const std::string key((*keys::PrivateKey::Generate(x509::KeyType::kEcP256)->ToPem()).ExposeSecret());
  EXPECT_THAT(Faults(key + good_), Contains(HasSubstr("private key")));
  std::string garbled = good_;
  garbled.insert(garbled.find("-----BEGIN") + 100, "!");
  EXPECT_THAT(Faults(garbled), Not(IsEmpty()));
}

TEST_F(FaultsTest, FindEveryCut) {
  // The file may end right after the last END line, with its newline or without.
  for (std::size_t size = 0; size + 1 < good_.size(); ++size) {
    EXPECT_THAT(Faults(good_.substr(0, size)), Not(IsEmpty())) << size;
  }
}

TEST_F(FaultsTest, FindLeavesAndDates) {
  const auto with = [&](const AnchorWishes& wishes) { return Faults("# x\n" + MakeAnchor(wishes).pem()); };
  EXPECT_THAT(with({.is_ca = false}), ElementsAre(HasSubstr("is not a CA's")));
  EXPECT_THAT(with({.not_after = Now() - absl::Seconds(1)}), ElementsAre(HasSubstr("expired at")));
  EXPECT_THAT(with({.not_before = Now() + absl::Seconds(1)}), ElementsAre(HasSubstr("begins only at")));
}

TEST_F(FaultsTest, FindEveryRootThatOpensslCannotParse) {
  for (const std::string& pem : signet::testing::RefusedRoots()) {
    EXPECT_THAT(Faults(pem + good_), ElementsAre(HasSubstr("parse"))) << pem;
  }
}

TEST_F(FaultsTest, AreNoDatesBesideAnAnchorThatCountsNow) {
  const std::string expired = MakeAnchor({.not_after = Now() - absl::Seconds(1)}).pem();
  const std::string future = MakeAnchor({.not_before = Now() + absl::Seconds(1)}).pem();
  EXPECT_THAT(Faults(expired + good_ + future), IsEmpty());
  EXPECT_THAT(NotesOfCaFile(expired + good_ + future, Now()),
              ElementsAre(HasSubstr("certificate 1: expired at"), HasSubstr("certificate 3: begins only at")));
  EXPECT_THAT(Faults(expired + future), ElementsAre(HasSubstr("expired at"), HasSubstr("begins only at")));
  EXPECT_THAT(NotesOfCaFile(expired + future, Now()), IsEmpty());
  // A leaf makes up for nothing.
  EXPECT_THAT(Faults(MakeAnchor({.is_ca = false}).pem() + expired),
              ElementsAre(HasSubstr("is not a CA's"), HasSubstr("expired at")));
  EXPECT_THAT(NotesOfCaFile(good_, Now()), IsEmpty());
}

}  // namespace
}  // namespace signet::bundle
