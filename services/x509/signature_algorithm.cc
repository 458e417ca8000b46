#include "services/x509/signature_algorithm.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"

namespace signet::x509 {
namespace {

struct Row {
  SignatureAlgorithm algorithm;
  const char* oid;
  const char* text;
  bool rsa;
};

constexpr Row kRows[] = {
    {SignatureAlgorithm::kEcdsaSha256, "1.2.840.10045.4.3.2", "ecdsa-with-sha256", false},
    {SignatureAlgorithm::kEcdsaSha384, "1.2.840.10045.4.3.3", "ecdsa-with-sha384", false},
    {SignatureAlgorithm::kEcdsaSha512, "1.2.840.10045.4.3.4", "ecdsa-with-sha512", false},
    {SignatureAlgorithm::kRsaSha256, "1.2.840.113549.1.1.11", "sha256-with-rsa", true},
    {SignatureAlgorithm::kRsaSha384, "1.2.840.113549.1.1.12", "sha384-with-rsa", true},
    {SignatureAlgorithm::kRsaSha512, "1.2.840.113549.1.1.13", "sha512-with-rsa", true},
};

const Row& RowOf(SignatureAlgorithm algorithm) {
  for (const Row& row : kRows) {
    if (row.algorithm == algorithm) return row;
  }
  return kRows[0];
}

}  // namespace

std::string AlgorithmIdentifierDer(SignatureAlgorithm algorithm) {
  const Row& row = RowOf(algorithm);
  return WriteDer(kDerSequence, absl::StrCat(WriteDerOid(row.oid), row.rsa ? WriteDer(kDerNull, "") : ""));
}

absl::StatusOr<SignatureAlgorithm> SignatureAlgorithmFromDer(absl::string_view algorithm_identifier) {
  for (const Row& row : kRows) {
    if (algorithm_identifier == AlgorithmIdentifierDer(row.algorithm)) return row.algorithm;
  }
  static constexpr char kWhat[] = "signature algorithm";
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, ReadDer(algorithm_identifier, kDerSequence, kWhat));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, DerReader(contents).Read(kDerOid, kWhat));
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kCsrRefused,
                       absl::StrCat("signature algorithm ", OidText(oid),
                                    " is refused, or its parameters are: use ECDSA or RSA (PKCS #1 v1.5) with SHA-256, "
                                    "SHA-384 or SHA-512"));
}

bool Agrees(SignatureAlgorithm algorithm, KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
    case KeyType::kEcP384:
    case KeyType::kEcP521:
      return !RowOf(algorithm).rsa;
    case KeyType::kRsa:
      return RowOf(algorithm).rsa;
    case KeyType::kRsaPss:
    case KeyType::kEd25519:
    case KeyType::kOther:
      return false;
  }
  return false;
}

absl::string_view SignatureAlgorithmText(SignatureAlgorithm algorithm) { return RowOf(algorithm).text; }

}  // namespace signet::x509
