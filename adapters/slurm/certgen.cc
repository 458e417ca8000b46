#include "adapters/slurm/certgen.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/private_key.h"
#include "services/names/node_name.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kSerialBytes = 16;
// Where the host's name does not fit a certificate.
constexpr char kNamelessHost[] = "localhost";

absl::Status CheckKey(const x509::PublicKey& key) {
  const bool curve = key.type() == x509::KeyType::kEcP256 || key.type() == x509::KeyType::kEcP384 ||
                     key.type() == x509::KeyType::kEcP521;
  const bool rsa = key.type() == x509::KeyType::kRsa && key.bits() >= 2048 && key.bits() <= 4096;
  if (curve || rsa) return absl::OkStatus();
  return base::Refusal(
      absl::StatusCode::kInvalidArgument, base::kKeyRefused,
      "the key is of a kind that Slurm's TLS cannot load; allowed: P-256, P-384, P-521, RSA of 2048 to 4096 bits",
      "set keygen_script to signet's keygen in CertgenParameters");
}

}  // namespace

absl::StatusOr<base::SecretBytes> MakeKey() {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  return key.ToPem();
}

absl::StatusOr<std::string> MakeSelfSigned(const base::SecretBytes& key_pem, absl::string_view subject,
                                           absl::string_view host, absl::Time now, base::Random& random) {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::FromPem(key_pem));
  SIGNET_RETURN_IF_ERROR(CheckKey(key.public_key()));
  const std::string name = names::CheckNodeName(host).ok() ? std::string(host) : kNamelessHost;
  absl::StatusOr<std::string> subject_der = x509::NameDerFromText(absl::StrReplaceAll(subject, {{"{host}", name}}));
  if (!subject_der.ok()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kConfiguration,
                         absl::StrCat("certgen.subject: ", subject_der.status().message()),
                         "edit certgen.subject in signet-slurm.yaml");
  }
  x509::CertificateTemplate certificate;
  certificate.serial = random.Bytes(kSerialBytes);
  // Positive and without a leading zero byte, whatever the rest is (RFC 5280 section 4.1.2.2).
  certificate.serial[0] = static_cast<char>((certificate.serial[0] & 0x3f) | 0x40);
  certificate.issuer_der = *subject_der;
  certificate.subject_der = *std::move(subject_der);
  certificate.not_before = absl::FromUnixSeconds(absl::ToUnixSeconds(now - kCertgenBackdate));
  certificate.not_after = absl::FromUnixSeconds(absl::ToUnixSeconds(now + kCertgenLifetime));
  certificate.spki_der = key.public_key().spki_der();
  certificate.dns_names = {name};
  certificate.digital_signature = true;
  certificate.server_auth = true;
  certificate.client_auth = true;
  certificate.subject_key_id = x509::KeyIdentifier(key.public_key());
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(key.public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string tbs, x509::EncodeTbs(certificate, algorithm));
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, key.Sign(algorithm, tbs));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate made,
                          x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, signature)));
  SIGNET_RETURN_IF_ERROR(made.VerifySignedBy(made));
  return made.pem();
}

}  // namespace signet::slurm
