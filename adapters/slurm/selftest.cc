#include "adapters/slurm/selftest.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adapters/slurm/answer.h"
#include "adapters/slurm/servers.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/signed_bundle.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "services/x509/certificate_request.h"

namespace signet::slurm {
namespace {

constexpr char kProbeName[] = "signet-probe";
// RFC 5280 section 4.2.1.12. A probe's certificate must serve no daemon.
constexpr char kClientAuth[] = "1.3.6.1.5.5.7.3.2";
constexpr absl::Duration kLongestLife = absl::Minutes(15);

absl::Status Fault(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kInternal, message,
                       "compare the versions of signetd and signet-slurm, and read signetd's log");
}

absl::StatusOr<bundle::Bundle> FetchBundle(const Config& config, Servers& servers) {
  SIGNET_ASSIGN_OR_RETURN(const std::string pin, ConfiguredPin(config));
  if (pin.empty() || config.cluster.empty()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("no ", pin.empty() ? "bundle_pin" : "cluster", " is configured"),
                         absl::StrCat("signetctl status shows both; set them in ", ConfigPath()));
  }
  SIGNET_ASSIGN_OR_RETURN(const std::string signed_bundle, servers.TrustBundle());
  return bundle::Verify(signed_bundle, pin, config.cluster);
}

absl::Status CheckNames(const x509::Certificate& leaf) {
  const bool right = leaf.common_name() == kProbeName && leaf.dns_names() == std::vector<std::string>{kProbeName} &&
                     leaf.uris().empty();
  return right ? absl::OkStatus() : Fault(absl::StrCat("the certificate has other names than ", kProbeName));
}

absl::Status CheckUse(const x509::Certificate& leaf) {
  const std::vector<std::string>& usages = leaf.extended_key_usages();
  if (usages != std::vector<std::string>{kClientAuth}) {
    return Fault(absl::StrCat("the certificate is for ", absl::StrJoin(usages, ","), " and not for a client alone"));
  }
  const bool signs = leaf.allows_digital_signature() && !leaf.allows_certificate_signing() && !leaf.is_ca();
  return signs ? absl::OkStatus() : Fault("the certificate's key usage is not that of a leaf");
}

}  // namespace

absl::Status SelfTest(const Config& config, const Deadline& deadline, absl::Time now,
                      absl::FunctionRef<absl::Status(absl::string_view line)> say) {
  const auto passed = [&say](const auto&... words) { return say(absl::StrCat("ok: ", words..., "\n")); };
  Servers servers(config, deadline);
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle held, FetchBundle(config, servers));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors,
                          x509::Certificate::ListFromPem(held.ca_cert_pem));
  SIGNET_RETURN_IF_ERROR(passed("bundle: generation ", held.generation, " of cluster ", held.cluster,
                                ", signed by the pinned key, ", anchors.size(), " root(s)"));

  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  SIGNET_ASSIGN_OR_RETURN(const std::string csr_pem, keys::SignRequestPem(key, kProbeName, ""));
  SIGNET_ASSIGN_OR_RETURN(const std::string chain_pem, servers.IssueProbeOfActive(csr_pem));
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateRequest csr, x509::CertificateRequest::FromPem(csr_pem));
  SIGNET_RETURN_IF_ERROR(CheckAnswer(chain_pem, csr, anchors, now, x509::TlsUse::kClient).status());
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, x509::Certificate::ListFromPem(chain_pem));
  const x509::Certificate& leaf = chain.front();
  SIGNET_RETURN_IF_ERROR(passed("issue: certificate ", leaf.serial(), " for a key that was made here"));
  SIGNET_RETURN_IF_ERROR(
      passed("chain: ", chain.size(), " certificate(s), up to a root of the bundle: ", leaf.issuer()));

  SIGNET_RETURN_IF_ERROR(CheckNames(leaf));
  SIGNET_RETURN_IF_ERROR(passed("names: ", kProbeName, " and no other"));
  SIGNET_RETURN_IF_ERROR(CheckUse(leaf));
  SIGNET_RETURN_IF_ERROR(passed("use: client alone, digital signature"));
  const absl::Duration left = leaf.not_after() - now;
  if (left > kLongestLife) return Fault(absl::StrCat("the certificate lives for ", absl::FormatDuration(left)));
  return passed("life: ends in ", absl::ToInt64Minutes(left), " minutes; this host and the server agree on the time");
}

}  // namespace signet::slurm
