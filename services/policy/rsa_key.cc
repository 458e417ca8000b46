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
      for (unsigned multiple = n * n; multiple < kSmallPrimeBound; multiple += n) composite[multiple] = true;
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

// The functions below answer as OpenSSL's do: 0 when memory ran out, else 1.

// root = floor(sqrt(n)) by Newton's method from above, with `next` to work in.
int SquareRoot(BIGNUM* root, BIGNUM* next, const BIGNUM* n, BN_CTX* scratch) {
  BN_zero(root);
  if (BN_is_zero(n)) return 1;
  int done = BN_set_bit(root, (BN_num_bits(n) + 1) / 2);
  while (true) {
    done &= BN_div(next, nullptr, n, root, scratch);
    done &= BN_add(next, next, root);
    done &= BN_rshift1(next, next);
    if (done == 0 || BN_cmp(next, root) >= 0) return done;
    BN_swap(next, root);
  }
}

// n = a² − b² with a just above √n when the primes are close. Sets `close`.
int FindClosePrimes(const BIGNUM* n, BN_CTX* scratch, bool& close) {
  BIGNUM* const a = BN_CTX_get(scratch);
  BIGNUM* const rest = BN_CTX_get(scratch);
  BIGNUM* const b = BN_CTX_get(scratch);
  BIGNUM* const next = BN_CTX_get(scratch);
  if (next == nullptr) return 0;  // after a first failure BN_CTX_get gives nothing more
  int done = SquareRoot(a, next, n, scratch);
  for (int round = 0; round <= kFermatRounds && !close; ++round) {
    done &= BN_sqr(rest, a, scratch);
    done &= BN_sub(rest, rest, n);
    if (!BN_is_negative(rest)) {
      done &= SquareRoot(b, next, rest, scratch);
      done &= BN_sqr(next, b, scratch);
      close = BN_cmp(next, rest) == 0;
    }
    done &= BN_add_word(a, 1);
  }
  return done;
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
  BN_CTX_start(scratch.get());
  const int done = FindClosePrimes(n.get(), scratch.get(), close);
  BN_CTX_end(scratch.get());
  if (done == 0) return OutOfMemory();
  if (close) return Refused("is a product of two close primes");
  return absl::OkStatus();
}

}  // namespace signet::policy
