#include "services/keys/signer.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::keys {
namespace {

absl::Status CheckDomainKey(const x509::PublicKey& key) {
  if (key.type() == x509::KeyType::kEcP256) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                       "key: statements, bundles, reports and checkpoints are signed by P-256 keys only");
}

// The NUL ends the domain, so that no domain is another one's prefix.
std::string InDomain(absl::string_view domain, absl::string_view bytes) {
  return absl::StrCat(domain, absl::string_view("\0", 1), bytes);
}

}  // namespace

x509::SignatureAlgorithm DefaultAlgorithm(const x509::PublicKey& key) {
  switch (key.type()) {
    case x509::KeyType::kEcP256:
      return x509::SignatureAlgorithm::kEcdsaSha256;
    case x509::KeyType::kEcP384:
      return x509::SignatureAlgorithm::kEcdsaSha384;
    case x509::KeyType::kEcP521:
      return x509::SignatureAlgorithm::kEcdsaSha512;
    case x509::KeyType::kRsa:
    case x509::KeyType::kRsaPss:
    case x509::KeyType::kEd25519:
    case x509::KeyType::kOther:
      break;
  }
  return x509::SignatureAlgorithm::kRsaSha256;
}

absl::StatusOr<std::string> SignInDomain(const Signer& signer, absl::string_view domain, absl::string_view bytes) {
  SIGNET_RETURN_IF_ERROR(CheckDomainKey(signer.public_key()));
  return signer.Sign(x509::SignatureAlgorithm::kEcdsaSha256, InDomain(domain, bytes));
}

absl::Status VerifyInDomain(const x509::PublicKey& key, absl::string_view domain, absl::string_view bytes,
                            absl::string_view signature) {
  SIGNET_RETURN_IF_ERROR(CheckDomainKey(key));
  return key.Verify(x509::SignatureAlgorithm::kEcdsaSha256, InDomain(domain, bytes), signature);
}

}  // namespace signet::keys
