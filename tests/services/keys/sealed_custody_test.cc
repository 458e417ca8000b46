#include "services/keys/sealed/sealed_custody.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "services/base/reason.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "tests/services/files/temporary_directory.h"

namespace signet::keys::sealed {
namespace {

using ::testing::HasSubstr;

class SealedCustodyTest : public ::testing::Test {
 protected:
  std::unique_ptr<SealedCustody> WithKek(char fill) {
    return *SealedCustody::Create(base::SecretBytes(std::string(32, fill)), random_);
  }
  void ExpectClosed(Custody& custody, absl::string_view label, const CustodyKey& key) {
    const auto opened = custody.Open(label, key);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition) << opened.status();
  }
  base::SystemRandom random_;
};

TEST_F(SealedCustodyTest, OpensWhatItMade) {
  const auto custody = WithKek('k');
  const CustodyKey key = *custody->Create("authority/1");
  EXPECT_EQ(key.custody, "sealed");
  const auto signer = custody->Open("authority/1", key);
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ((*signer)->public_key().spki_der(), key.spki_der);
  EXPECT_EQ((*signer)->public_key().type(), x509::KeyType::kEcP256);
  const std::string signature = *(*signer)->Sign(x509::SignatureAlgorithm::kEcdsaSha256, "m");
  EXPECT_TRUE((*signer)->public_key().Verify(x509::SignatureAlgorithm::kEcdsaSha256, "m", signature).ok());
  // Another process with the same key-encryption key opens it too.
  EXPECT_TRUE(WithKek('k')->Open("authority/1", key).ok());
}

TEST_F(SealedCustodyTest, OpensWhatItTookOverWhateverItsKind) {
  const auto custody = WithKek('k');
  for (const auto type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    const PrivateKey key = *PrivateKey::Generate(type);
    const auto adopted = custody->Adopt("a", key);
    ASSERT_TRUE(adopted.ok()) << adopted.status();
    EXPECT_EQ(adopted->spki_der, key.public_key().spki_der());
    const base::SecretBytes der = *key.ToPkcs8Der();
    EXPECT_THAT(adopted->handle, ::testing::Not(HasSubstr(std::string(der.ExposeSecret().substr(der.size() / 2, 16)))));
    const auto signer = custody->Open("a", *adopted);
    ASSERT_TRUE(signer.ok()) << signer.status();
    const x509::SignatureAlgorithm algorithm = DefaultAlgorithm(key.public_key());
    EXPECT_TRUE(key.public_key().Verify(algorithm, "m", *(*signer)->Sign(algorithm, "m")).ok());
    ExpectClosed(*custody, "b", *adopted);
    ExpectClosed(*WithKek('l'), "a", *adopted);
  }
}

TEST_F(SealedCustodyTest, NeverMakesTheSameKeyOrNonceTwice) {
  const auto custody = WithKek('k');
  const CustodyKey one = *custody->Create("a");
  const CustodyKey two = *custody->Create("a");
  EXPECT_NE(one.spki_der, two.spki_der);
  EXPECT_NE(one.handle.substr(1, 12), two.handle.substr(1, 12));
}

TEST_F(SealedCustodyTest, KeepsThePrivateKeyOutOfTheHandle) {
  const auto custody = WithKek('k');
  const CustodyKey key = *custody->Create("a");
  const auto signer = *custody->Open("a", key);
  const auto scalar = dynamic_cast<const PrivateKey&>(*signer).ToP256Scalar();
  EXPECT_EQ(key.handle.find(std::string(scalar->ExposeSecret())), std::string::npos);
}

TEST_F(SealedCustodyTest, StaysClosedUnderAnotherKeyEncryptionKey) {
  const CustodyKey key = *WithKek('k')->Create("a");
  ExpectClosed(*WithKek('l'), "a", key);
}

TEST_F(SealedCustodyTest, StaysClosedUnderAnotherLabel) {
  const auto custody = WithKek('k');
  const CustodyKey key = *custody->Create("authority/1");
  ExpectClosed(*custody, "authority/2", key);
  ExpectClosed(*custody, "authority/", key);
  EXPECT_FALSE(custody->Open("", key).ok());
}

TEST_F(SealedCustodyTest, StaysClosedWithAnothersPublicKey) {
  const auto custody = WithKek('k');
  CustodyKey key = *custody->Create("a");
  const CustodyKey other = *custody->Create("a");
  CustodyKey swapped = key;
  swapped.spki_der = other.spki_der;
  ExpectClosed(*custody, "a", swapped);
  swapped = key;
  swapped.handle = other.handle;
  ExpectClosed(*custody, "a", swapped);
  key.spki_der.clear();
  ExpectClosed(*custody, "a", key);
}

TEST_F(SealedCustodyTest, StaysClosedWithAnyBitFlipped) {
  const auto custody = WithKek('k');
  const CustodyKey key = *custody->Create("a");
  for (std::size_t at = 0; at < key.handle.size() * 8; ++at) {
    CustodyKey flipped = key;
    flipped.handle[at / 8] = static_cast<char>(flipped.handle[at / 8] ^ (1 << (at % 8)));
    ExpectClosed(*custody, "a", flipped);
  }
}

TEST_F(SealedCustodyTest, StaysClosedAtAnyLengthButTheRightOne) {
  const auto custody = WithKek('k');
  const CustodyKey key = *custody->Create("a");
  for (std::size_t size = 0; size < key.handle.size(); ++size) {
    CustodyKey cut = key;
    cut.handle.resize(size);
    ExpectClosed(*custody, "a", cut);
  }
  CustodyKey longer = key;
  longer.handle.push_back('\0');
  ExpectClosed(*custody, "a", longer);
}

TEST_F(SealedCustodyTest, StaysClosedToAnotherCustodysKey) {
  const auto custody = WithKek('k');
  CustodyKey key = *custody->Create("a");
  key.custody = "pkcs11";
  ExpectClosed(*custody, "a", key);
  key.custody.clear();
  ExpectClosed(*custody, "a", key);
}

TEST_F(SealedCustodyTest, RefusesAKeyEncryptionKeyOfAnotherSizeAndALabelThatIsAmbiguous) {
  EXPECT_FALSE(SealedCustody::Create(base::SecretBytes(std::string(31, 'k')), random_).ok());
  EXPECT_FALSE(SealedCustody::Create(base::SecretBytes(), random_).ok());
  EXPECT_FALSE(WithKek('k')->Create("").ok());
  EXPECT_FALSE(WithKek('k')->Create(absl::string_view("a\0b", 3)).ok());
}

TEST(KekFile, IsMadeOnceAndReadBack) {
  const files::TemporaryDirectory dir;
  base::SystemRandom random;
  ASSERT_TRUE(CreateKek(dir / "kek", random).ok());
  struct stat info = {};
  ASSERT_EQ(stat((dir / "kek").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0400u);
  const base::SecretBytes kek = *ReadKek(dir / "kek");
  EXPECT_EQ(kek.size(), 32u);
  EXPECT_EQ(CreateKek(dir / "kek", random).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadKek(dir / "kek")->ExposeSecret(), kek.ExposeSecret());
  ASSERT_TRUE(CreateKek(dir / "kek2", random).ok());
  EXPECT_NE(ReadKek(dir / "kek2")->ExposeSecret(), kek.ExposeSecret());
}

TEST(KekFile, SaysWhereItIsExpectedAndWhatItsLossMeans) {
  const files::TemporaryDirectory dir;
  const auto missing = ReadKek(dir / "kek");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(dir / "kek"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("a lost key-encryption key is a lost CA"));
}

TEST(KekFile, IsRefusedWhenOthersMayReadItOrItIsALink) {
  const files::TemporaryDirectory dir;
  base::SystemRandom random;
  ASSERT_TRUE(CreateKek(dir / "kek", random).ok());
  ASSERT_EQ(symlink((dir / "kek").c_str(), (dir / "link").c_str()), 0);
  EXPECT_EQ(ReadKek(dir / "link").status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(chmod((dir / "kek").c_str(), 0440), 0);
  EXPECT_TRUE(ReadKek(dir / "kek").ok());
  ASSERT_EQ(chmod((dir / "kek").c_str(), 0444), 0);
  EXPECT_EQ(ReadKek(dir / "kek").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(KekFile, IsRefusedWithAnyOtherContentWhichIsNotQuoted) {
  const files::TemporaryDirectory dir;
  const std::string digits(64, 'a');
  for (const std::string& content :
       {std::string(), digits, "signet-kek1." + digits.substr(1), "signet-kek1." + digits + "a",
        "signet-kek2." + digits, "signet-kek1." + digits + "\n\n", " signet-kek1." + digits,
        "signet-kek1." + digits.substr(1) + "g", "signet-kek1." + digits + "\r\n", std::string(1000, 'a')}) {
    ASSERT_TRUE(files::WriteAtomically(dir / "kek", content, {.mode = 0400}).ok());
    const auto refused = ReadKek(dir / "kek");
    EXPECT_FALSE(refused.ok()) << content;
    EXPECT_EQ(refused.status().ToString().find("aaaaaaaa"), std::string::npos);
  }
}

}  // namespace
}  // namespace signet::keys::sealed
