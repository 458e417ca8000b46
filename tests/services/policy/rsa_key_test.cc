#include "services/policy/rsa_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <memory>

#include "services/base/reason.h"

namespace signet::policy {
namespace {

using ::testing::HasSubstr;

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(BN_CTX* scratch) const { BN_CTX_free(scratch); }
};
using Number = std::unique_ptr<BIGNUM, Free>;

std::string Bytes(const Number& number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

Number Prime(int bits) {
  Number prime(BN_new());
  BN_generate_prime_ex(prime.get(), bits, 0, nullptr, nullptr, nullptr);
  return prime;
}

Number Product(const Number& a, const Number& b) {
  const std::unique_ptr<BN_CTX, Free> scratch(BN_CTX_new());
  Number product(BN_new());
  BN_mul(product.get(), a.get(), b.get(), scratch.get());
  return product;
}

// The next number after `start` that is prime enough for a test.
Number PrimeAfter(const Number& start) {
  Number next(BN_dup(start.get()));
  do BN_add_word(next.get(), 2);
  while (BN_check_prime(next.get(), nullptr, nullptr) != 1);
  return next;
}

const std::string kExponent("\x01\x00\x01", 3);

std::string MessageFor(const std::string& modulus, const std::string& exponent = kExponent) {
  const absl::Status status = CheckRsaKey(modulus, exponent);
  EXPECT_EQ(base::ReasonOf(status), base::kKeyRefused);
  return std::string(status.message());
}

class RsaKey : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { good_ = new std::string(Bytes(Product(Prime(1536), Prime(1536)))); }
  static void TearDownTestSuite() {
    delete good_;
    good_ = nullptr;
  }
  static std::string* good_;
};
std::string* RsaKey::good_ = nullptr;

TEST_F(RsaKey, AllowsTwoRandomPrimes) { EXPECT_TRUE(CheckRsaKey(*good_, kExponent).ok()); }

TEST_F(RsaKey, RefusesSizesOutsideTheBounds) {
  EXPECT_THAT(MessageFor(Bytes(Product(Prime(512), Prime(512)))), HasSubstr("1024 bits"));
  EXPECT_THAT(MessageFor("\x01" + std::string(128, '\xff')), HasSubstr("1025 bits"));
  EXPECT_THAT(MessageFor(Bytes(Product(Prime(1024), Prime(1024)))), HasSubstr("2048 bits"));
  EXPECT_THAT(MessageFor(std::string(2048, '\xff')), HasSubstr("too large"));
  EXPECT_THAT(MessageFor(""), HasSubstr("0 bits"));
  EXPECT_THAT(MessageFor("\x01" + std::string(512, '\xff')), HasSubstr("4097 bits"));
}

TEST_F(RsaKey, RefusesExponentsThatAreEvenOrSmallOrHuge) {
  EXPECT_THAT(MessageFor(*good_, std::string("\x01\x00\x02", 3)), HasSubstr("even"));
  EXPECT_THAT(MessageFor(*good_, "\x03"), HasSubstr("below 65537"));
  EXPECT_THAT(MessageFor(*good_, "\xff\xff"), HasSubstr("below 65537"));
  EXPECT_THAT(MessageFor(*good_, ""), HasSubstr("even"));
  EXPECT_THAT(MessageFor(*good_, std::string("\x01") + std::string(31, '\0') + "\x01"), HasSubstr("over 2^256"));
  EXPECT_THAT(MessageFor(*good_, std::string(65, '\x01')), HasSubstr("too large"));
}

TEST_F(RsaKey, RefusesAnEvenModulus) {
  std::string even = *good_;
  even.back() = static_cast<char>(even.back() & 0xfe);
  EXPECT_THAT(MessageFor(even), HasSubstr("2 divides"));
}

TEST_F(RsaKey, RefusesASmallFactor) {
  Number small(BN_new());
  BN_set_word(small.get(), 32749);
  EXPECT_THAT(MessageFor(Bytes(Product(small, Prime(3060)))), HasSubstr("32749 divides"));
}

TEST_F(RsaKey, RefusesClosePrimes) {
  const Number p = Prime(1536);
  EXPECT_THAT(MessageFor(Bytes(Product(p, PrimeAfter(p)))), HasSubstr("close primes"));
}

TEST_F(RsaKey, RefusesASquare) {
  const Number p = Prime(1536);
  EXPECT_THAT(MessageFor(Bytes(Product(p, p))), HasSubstr("close primes"));
}

// Primes as CVE-2017-15361 made them: k·M + (65537^a mod M), M the product of the first primes.
Number RocaPrime() {
  const std::unique_ptr<BN_CTX, Free> scratch(BN_CTX_new());
  Number primorial(BN_new()), generator(BN_new()), power(BN_new()), residue(BN_new()), candidate(BN_new());
  BN_one(primorial.get());
  for (unsigned n = 2; n <= 701; ++n) {
    bool prime = true;
    for (unsigned d = 2; d * d <= n; ++d) prime &= n % d != 0;
    if (prime) BN_mul_word(primorial.get(), n);
  }
  BN_set_word(generator.get(), 65537);
  while (true) {
    BN_rand(power.get(), 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    BN_mod_exp(residue.get(), generator.get(), power.get(), primorial.get(), scratch.get());
    BN_rand(candidate.get(), 1537 - BN_num_bits(primorial.get()), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
    BN_mul(candidate.get(), candidate.get(), primorial.get(), scratch.get());
    BN_add(candidate.get(), candidate.get(), residue.get());
    if (BN_check_prime(candidate.get(), scratch.get(), nullptr) == 1) return candidate;
  }
}

TEST_F(RsaKey, RefusesTheRocaFingerprint) {
  EXPECT_THAT(MessageFor(Bytes(Product(RocaPrime(), RocaPrime()))), HasSubstr("ROCA"));
}

}  // namespace
}  // namespace signet::policy
