#include "adapters/slurm/answer.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

// s2n's limit on the depth of a chain.
constexpr std::size_t kLongestChain = 7;

absl::Status Refused(absl::string_view message,
                     absl::string_view next = "signetctl status   # is this the right server?") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kInternal,
                       absl::StrCat("the server's answer is refused: ", message), next);
}

// Ed25519 and curves that s2n does not know crash slurmd or never connect.
bool LoadsInS2n(const x509::PublicKey& key) {
  switch (key.type()) {
    case x509::KeyType::kEcP256:
    case x509::KeyType::kEcP384:
    case x509::KeyType::kEcP521:
      return true;
    case x509::KeyType::kRsa:
    case x509::KeyType::kRsaPss:
      return key.bits() >= 2048 && key.bits() <= 4096;
    case x509::KeyType::kEd25519:
    case x509::KeyType::kOther:
      return false;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<x509::Certificate>> ReadAnchors(const std::string& ca_cert_file) {
  constexpr absl::string_view next = "signet-slurm refresh   # as root: writes ca_cert_file";
  const absl::StatusOr<std::string> text = files::Read(ca_cert_file);
  if (!text.ok()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("ca_cert_file: ", text.status().message()), next);
  }
  absl::StatusOr<std::vector<x509::Certificate>> anchors = x509::Certificate::ListFromPem(*text);
  if (!anchors.ok()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("ca_cert_file ", ca_cert_file, ": ", anchors.status().message()), next);
  }
  return anchors;
}

absl::StatusOr<std::string> CheckAnswer(absl::string_view chain_pem, const x509::CertificateRequest& csr,
                                        const std::vector<x509::Certificate>& anchors, absl::Time now,
                                        x509::TlsUse use) {
  const absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(chain_pem);
  if (!chain.ok()) return Refused(absl::StrCat("no certificate chain: ", chain.status().message()));
  if (chain->empty() || chain->size() > kLongestChain)
    return Refused(absl::StrCat(chain->size(), " certificates; allowed: 1 to ", kLongestChain));
  const x509::Certificate& leaf = chain->front();
  if (!(leaf.public_key() == csr.public_key()))
    return Refused("the first certificate is for another key than the CSR's");
  if (leaf.common_name() != csr.common_name()) {
    return Refused(
        absl::StrCat("the certificate is for \"", leaf.common_name(), "\", the CSR for \"", csr.common_name(), "\""));
  }
  if (leaf.is_ca()) return Refused("the first certificate is an authority's");
  if (leaf.not_before() > now || leaf.not_after() < now) {
    return Refused(
        absl::StrCat("the certificate is valid from ", absl::FormatTime(leaf.not_before(), absl::UTCTimeZone()), " to ",
                     absl::FormatTime(leaf.not_after(), absl::UTCTimeZone()), ", and now is ",
                     absl::FormatTime(now, absl::UTCTimeZone())),
        "timedatectl   # on this host and on the server");
  }
  const std::vector<x509::Certificate> intermediates(chain->begin() + 1, chain->end());
  std::string pem;
  for (const x509::Certificate& certificate : *chain) {
    if (!LoadsInS2n(certificate.public_key())) return Refused("a key of a kind that Slurm's TLS cannot load");
    // s2n reads it with OpenSSL, and crashes on what that refuses.
    if (certificate.ParseWithOpenssl() == nullptr) return Refused("a certificate that OpenSSL cannot parse");
    pem += certificate.pem();
  }
  for (const x509::Certificate& intermediate : intermediates) {
    if (!intermediate.is_ca()) return Refused("a certificate behind the first one is not an authority's");
    if (intermediate.self_signed()) return Refused("the chain carries a self-signed root");
  }
  const auto verify = use == x509::TlsUse::kClient ? x509::VerifyClientChain : x509::VerifyChain;
  if (const absl::Status verified = verify(leaf, intermediates, anchors, now); !verified.ok()) {
    return Refused(absl::StrCat("it does not chain to ca_cert_file: ", verified.message()),
                   "signet-slurm refresh   # as root on this host, then scontrol reconfigure");
  }
  return pem;
}

}  // namespace signet::slurm
