#include "services/policy/rsa_key.h"

#include <openssl/bn.h>

#include <array>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::policy {
namespace {

using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
using Scratch = std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)>;

constexpr int kFermatRounds = 100;
constexpr unsigned kSmallPrimeBound = 1U << 15;

// The primes for which 65537 generates a proper subgroup (Nemec et al., "The Return of Coppersmith's Attack", CCS
// 2017).
constexpr std::array<unsigned, 17> kRocaPrimes = {11, 13, 17,  19,  37,  53,  61,  71, 73,
                                                  79, 97, 103, 107, 109, 127, 151, 157};

absl::Status Refused(absl::string_view what) {
  return base::Refusal(
      absl::StatusCode::kInvalidArgument, base::kKeyRefused,
      absl::StrCat("the RSA key ", what, "; allowed are P-256, P-384 and RSA keys of ", kRsaLeastBits, " to ",
                   kRsaMostBits, " bits with two random primes and an odd exponent from 65537"));
}

absl::Status OutOfMemory() {
  return base::Refusal(absl::StatusCode::kInternal, base::kInternal, "out of memory while checking an RSA key");
}

Number FromBytes(absl::string_view bytes) {
  return Number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr),
      &BN_free);
}

const std::vector<unsigned>& SmallPrimes() {
  static const auto& primes = *new std::vector<unsigned>([] {
    std::vector<bool> composite(kSmallPrimeBound);
    std::vector<unsigned> found;
    for (unsigned n = 2; n < kSmallPrimeBound; ++n) {
      if (composite[n]) continue;
      found.push_back(n);
      for (unsigned multiple = n * n; multiple < kSmallPrimeBound && n < 182; multiple += n) composite[multiple] = true;
    }
    return found;
  }());
  return primes;
}

// ROCA primes are 65537^a mod M plus a multiple of M, so their product lies in the subgroup of 65537 modulo every prime
// that divides M.
bool LooksLikeRoca(const BIGNUM* modulus) {
  for (const unsigned prime : kRocaPrimes) {
    const unsigned residue = static_cast<unsigned>(BN_mod_word(modulus, prime));
    bool member = false;
    unsigned power = 1;
    do {
      member |= power == residue;
      power = power * (65537 % prime) % prime;
    } while (power != 1);
    if (!member) return false;
  }
  return true;
}

// root = floor(sqrt(n)) by Newton's method from above; false when memory ran out.
bool SquareRoot(BIGNUM* root, const BIGNUM* n, BN_CTX* scratch) {
  Number next(BN_new(), &BN_free);
  if (next == nullptr) return false;
  BN_zero(root);
  if (BN_is_zero(n)) return true;
  if (BN_set_bit(root, (BN_num_bits(n) + 1) / 2) != 1) return false;
  while (true) {
    if (BN_div(next.get(), nullptr, n, root, scratch) != 1 || BN_add(next.get(), next.get(), root) != 1 ||
        BN_rshift1(next.get(), next.get()) != 1) {
      return false;
    }
    if (BN_cmp(next.get(), root) >= 0) return true;
    BN_swap(next.get(), root);
  }
}

// n = a² − b² with a just above √n when the primes are close. Sets `close`; false when memory ran out.
bool FindClosePrimes(const BIGNUM* n, BN_CTX* scratch, bool& close) {
  Number a(BN_new(), &BN_free), rest(BN_new(), &BN_free), b(BN_new(), &BN_free), square(BN_new(), &BN_free);
  if (a == nullptr || rest == nullptr || b == nullptr || square == nullptr) return false;
  if (!SquareRoot(a.get(), n, scratch)) return false;
  for (int round = 0; round <= kFermatRounds && !close; ++round) {
    if (BN_sqr(rest.get(), a.get(), scratch) != 1 || BN_sub(rest.get(), rest.get(), n) != 1) return false;
    if (!BN_is_negative(rest.get())) {
      if (!SquareRoot(b.get(), rest.get(), scratch) || BN_sqr(square.get(), b.get(), scratch) != 1) return false;
      close = BN_cmp(square.get(), rest.get()) == 0;
    }
    if (BN_add_word(a.get(), 1) != 1) return false;
  }
  return true;
}

absl::Status CheckExponent(const BIGNUM* exponent) {
  if (!BN_is_odd(exponent)) return Refused("has an even exponent");
  if (BN_num_bits(exponent) > 256) return Refused("has an exponent over 2^256");
  if (BN_num_bits(exponent) < 17) return Refused("has an exponent below 65537");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRsaKey(absl::string_view modulus, absl::string_view exponent) {
  // Bounded before any arithmetic, so that a huge key costs nothing.
  if (modulus.size() > kRsaMostBits / 8 + 1 || exponent.size() > 64) return Refused("is too large");
  const Number n = FromBytes(modulus);
  const Number e = FromBytes(exponent);
  const Scratch scratch(BN_CTX_new(), &BN_CTX_free);
  if (n == nullptr || e == nullptr || scratch == nullptr) return OutOfMemory();
  if (const int bits = BN_num_bits(n.get()); bits < kRsaLeastBits || bits > kRsaMostBits) {
    return Refused(absl::StrCat("has ", bits, " bits"));
  }
  SIGNET_RETURN_IF_ERROR(CheckExponent(e.get()));
  for (const unsigned prime : SmallPrimes()) {
    if (BN_mod_word(n.get(), prime) == 0) return Refused(absl::StrCat("has a modulus that ", prime, " divides"));
  }
  if (LooksLikeRoca(n.get())) return Refused("has the fingerprint of CVE-2017-15361 (ROCA)");
  bool close = false;
  if (!FindClosePrimes(n.get(), scratch.get(), close)) return OutOfMemory();
  if (close) return Refused("is a product of two close primes");
  return absl::OkStatus();
}

}  // namespace signet::policy
