#include "services/keys/private_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <atomic>
#include <thread>

#include "absl/strings/escaping.h"
#include "services/base/reason.h"

namespace signet::keys {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

base::SecretBytes FromHex(absl::string_view hex) { return base::SecretBytes(absl::HexStringToBytes(hex)); }

std::string HexOf(const base::SecretBytes& secret) { return absl::BytesToHexString(secret.ExposeSecret()); }

// PEM of a key that OpenSSL wrote, in any of its formats.
std::string PemOf(EVP_PKEY* key, bool traditional, const EVP_CIPHER* cipher = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  char passphrase[] = "passphrase";
  unsigned char* secret = cipher == nullptr ? nullptr : reinterpret_cast<unsigned char*>(passphrase);
  const int size = cipher == nullptr ? 0 : 10;
  if (traditional) {
    PEM_write_bio_PrivateKey_traditional(bio, key, cipher, secret, size, nullptr, nullptr);
  } else {
    PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, reinterpret_cast<char*>(secret), size, nullptr, nullptr);
  }
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  const std::string pem(data, static_cast<std::size_t>(length));
  BIO_free(bio);
  return pem;
}

struct Foreign {
  explicit Foreign(EVP_PKEY* made) : key(made) {}
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;
  ~Foreign() { EVP_PKEY_free(key); }
  EVP_PKEY* key;
};

void ExpectRefused(const std::string& pem) {
  const auto refused = PrivateKey::FromPem(base::SecretBytes(pem));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kKeyRefused);
  const std::string middle = pem.substr(pem.size() / 3, 20);
  EXPECT_TRUE(middle.empty() || refused.status().ToString().find(middle) == std::string::npos);
}

TEST(PrivateKey, GeneratesDifferentKeysThatSignAndVerify) {
  for (const auto type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    const PrivateKey key = *PrivateKey::Generate(type);
    const PrivateKey other = *PrivateKey::Generate(type);
    EXPECT_EQ(key.public_key().type(), type);
    EXPECT_FALSE(key.public_key() == other.public_key());
    const auto algorithm = DefaultAlgorithm(key.public_key());
    const std::string signature = *key.Sign(algorithm, "message");
    EXPECT_TRUE(key.public_key().Verify(algorithm, "message", signature).ok());
    EXPECT_FALSE(key.public_key().Verify(algorithm, "massage", signature).ok());
    EXPECT_FALSE(other.public_key().Verify(algorithm, "message", signature).ok());
  }
}

TEST(PrivateKey, GeneratesRsaOf3072BitsAndNoKindThatSlurmCannotUse) {
  EXPECT_EQ(PrivateKey::Generate(x509::KeyType::kRsa)->public_key().bits(), 3072);
  EXPECT_FALSE(PrivateKey::Generate(x509::KeyType::kEd25519).ok());
  EXPECT_FALSE(PrivateKey::Generate(x509::KeyType::kOther).ok());
}

TEST(PrivateKey, RefusesAnAlgorithmOfAnotherKind) {
  const PrivateKey ec = *PrivateKey::Generate(x509::KeyType::kEcP256);
  EXPECT_EQ(base::ReasonOf(ec.Sign(x509::SignatureAlgorithm::kRsaSha256, "m").status()), base::kKeyRefused);
  const PrivateKey rsa = *PrivateKey::Generate(x509::KeyType::kRsa);
  EXPECT_EQ(base::ReasonOf(rsa.Sign(x509::SignatureAlgorithm::kEcdsaSha256, "m").status()), base::kKeyRefused);
}

TEST(PrivateKey, ComesBackFromItsPemDerAndScalar) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const base::SecretBytes pem = *key.ToPem();
  EXPECT_THAT(std::string(pem.ExposeSecret()), StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(PrivateKey::FromPem(pem)->public_key() == key.public_key());
  EXPECT_TRUE(PrivateKey::FromPkcs8Der(*key.ToPkcs8Der())->public_key() == key.public_key());
  EXPECT_TRUE(PrivateKey::FromP256Scalar(*key.ToP256Scalar())->public_key() == key.public_key());
}

TEST(PrivateKey, HasAScalarOnP256Only) {
  EXPECT_FALSE(PrivateKey::Generate(x509::KeyType::kEcP384)->ToP256Scalar().ok());
  EXPECT_FALSE(PrivateKey::Generate(x509::KeyType::kRsa)->ToP256Scalar().ok());
}

TEST(PrivateKey, ReadsSec1Pkcs1AndPkcs8OfOpenssl) {
  const Foreign ec(EVP_EC_gen("P-384"));
  EXPECT_TRUE(PrivateKey::FromPem(base::SecretBytes(PemOf(ec.key, true))).ok());
  EXPECT_TRUE(PrivateKey::FromPem(base::SecretBytes(PemOf(ec.key, false))).ok());
  const Foreign rsa(EVP_RSA_gen(2048));
  EXPECT_TRUE(PrivateKey::FromPem(base::SecretBytes(PemOf(rsa.key, true))).ok());
  EXPECT_TRUE(PrivateKey::FromPem(base::SecretBytes(PemOf(rsa.key, false))).ok());
}

TEST(PrivateKey, ReadsAFileThatBeginsWithItsCurve) {
  const Foreign ec(EVP_EC_gen("P-256"));
  const std::string pem =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + PemOf(ec.key, true);
  EXPECT_TRUE(PrivateKey::FromPem(base::SecretBytes(pem)).ok());
}

TEST(PrivateKey, RefusesAnEncryptedKeyWithoutAskingAnybody) {
  const Foreign ec(EVP_EC_gen("P-256"));
  ExpectRefused(PemOf(ec.key, true, EVP_aes_256_cbc()));
  ExpectRefused(PemOf(ec.key, false, EVP_aes_256_cbc()));
}

TEST(PrivateKey, RefusesKindsThatSlurmsTlsCannotUse) {
  const Foreign ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  ExpectRefused(PemOf(ed25519.key, false));
  const Foreign secp256k1(EVP_EC_gen("secp256k1"));
  ExpectRefused(PemOf(secp256k1.key, false));
  ExpectRefused(PemOf(secp256k1.key, true));
  const Foreign small(EVP_RSA_gen(1024));
  ExpectRefused(PemOf(small.key, false));
  const Foreign x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  ExpectRefused(PemOf(x25519.key, false));
}

TEST(PrivateKey, RefusesExplicitCurveParameters) {
  const Foreign ec(EVP_EC_gen("P-256"));
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(ec.key, "encoding", "explicit"), 1);
  ExpectRefused(PemOf(ec.key, false));
  ExpectRefused(PemOf(ec.key, true));
}

TEST(PrivateKey, RefusesHalvesOfTwoKeys) {
  const Foreign one(EVP_EC_gen("P-256"));
  const Foreign two(EVP_EC_gen("P-256"));
  std::string first;
  std::string second;
  for (auto [key, der] : {std::pair(one.key, &first), std::pair(two.key, &second)}) {
    unsigned char* bytes = nullptr;
    const int size = i2d_PrivateKey(key, &bytes);
    der->assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
  }
  // SEC1 ends with the public point: 65 bytes.
  const std::string mixed = first.substr(0, first.size() - 65) + second.substr(second.size() - 65);
  const std::string text = absl::Base64Escape(mixed);
  std::string pem = "-----BEGIN EC PRIVATE KEY-----\n";
  for (std::size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + "\n";
  pem += "-----END EC PRIVATE KEY-----\n";
  ExpectRefused(pem);
}

TEST(PrivateKey, RefusesWhatIsNoKeyAndNeverQuotesIt) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string pem((*key.ToPem()).ExposeSecret());
  ExpectRefused("");
  ExpectRefused("correct horse battery staple, which somebody pasted here by mistake, is not a key");
  ExpectRefused(pem.substr(0, pem.size() / 2));
  ExpectRefused(std::string(65 * 1024, 'x'));
  std::string damaged = pem;
  damaged.replace(pem.find('\n') + 1, 8, "AAAAAAAA");
  ExpectRefused(damaged);
  for (std::size_t cut = 0; cut < pem.size() - 2; ++cut) {
    EXPECT_FALSE(PrivateKey::FromPem(base::SecretBytes(absl::string_view(pem).substr(0, cut))).ok()) << cut;
  }
}

TEST(PrivateKey, RefusesDerWithBytesBehindIt) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  std::string der((*key.ToPkcs8Der()).ExposeSecret());
  EXPECT_TRUE(PrivateKey::FromPkcs8Der(base::SecretBytes(der)).ok());
  der.push_back('\0');
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(base::SecretBytes(der)).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(base::SecretBytes()).ok());
}

constexpr char kOrder[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr char kOrderLess1[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";

TEST(PrivateKey, TakesScalarsFromOneToTheOrderLessOne) {
  const std::string one = std::string(63, '0') + "1";
  for (const std::string& hex : {one, std::string(kOrderLess1)}) {
    const auto key = PrivateKey::FromP256Scalar(FromHex(hex));
    ASSERT_TRUE(key.ok()) << hex << key.status();
    EXPECT_EQ(HexOf(*key->ToP256Scalar()), hex);
  }
  for (const std::string& hex : {std::string(64, '0'), std::string(kOrder), std::string(64, 'f'), std::string(62, '1'),
                                 std::string(66, '1'), std::string()}) {
    EXPECT_EQ(base::ReasonOf(PrivateKey::FromP256Scalar(FromHex(hex)).status()), base::kKeyRefused) << hex;
  }
}

// The public point of RFC 6979 appendix A.2.5.
TEST(PrivateKey, MakesThePublicPointOfTheScalar) {
  const PrivateKey key =
      *PrivateKey::FromP256Scalar(FromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"));
  EXPECT_THAT(absl::BytesToHexString(key.public_key().spki_der()),
              ::testing::EndsWith("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
}

TEST(PrivateKey, DerivesTheSameKeyFromTheSameInputsOnly) {
  const base::SecretBytes secret("0123456789abcdef0123456789abcdef");
  const PrivateKey key = *PrivateKey::DeriveP256(secret, "salt", "info");
  EXPECT_TRUE(PrivateKey::DeriveP256(secret, "salt", "info")->public_key() == key.public_key());
  EXPECT_FALSE(PrivateKey::DeriveP256(secret, "salt", "info2")->public_key() == key.public_key());
  EXPECT_FALSE(PrivateKey::DeriveP256(secret, "salt2", "info")->public_key() == key.public_key());
  EXPECT_FALSE(PrivateKey::DeriveP256(base::SecretBytes("0"), "salt", "info")->public_key() == key.public_key());
}

// Computed apart, with Python's hmac and integers: int(HKDF(secret, salt, info, 48)) % (n - 1) + 1.
TEST(PrivateKey, DerivesByHkdfReducedIntoTheGroup) {
  const PrivateKey key = *PrivateKey::DeriveP256(base::SecretBytes("0123456789abcdef0123456789abcdef"), "signet/lab/v1",
                                                 absl::string_view("alpha\0n1", 8));
  EXPECT_EQ(HexOf(*key.ToP256Scalar()), "244876ccece2a2b1ce6da1d951a7b06893e5367389662cfa244c896ad1c6c059");
}

TEST(PrivateKey, SignsFromManyThreadsAtOnce) {
  const PrivateKey key = *PrivateKey::Generate(x509::KeyType::kEcP256);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&key, &good, i] {
      const PrivateKey copy = key;
      for (int j = 0; j < 50; ++j) {
        const std::string message = std::to_string(i * 1000 + j);
        const auto signature = copy.Sign(x509::SignatureAlgorithm::kEcdsaSha256, message);
        if (signature.ok() &&
            key.public_key().Verify(x509::SignatureAlgorithm::kEcdsaSha256, message, *signature).ok()) {
          ++good;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

}  // namespace
}  // namespace signet::keys
