#include "cli/issued.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

constexpr std::size_t kPage = 4096;
constexpr char kServerAuth[] = "1.3.6.1.5.5.7.3.1";  // RFC 5280 section 4.2.1.12
constexpr char kClientAuth[] = "1.3.6.1.5.5.7.3.2";

absl::Status Wrong(absl::string_view what) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kInternal,
                       absl::StrCat("signetd answered with ", what, "; nothing was written"), "signetctl audit tail");
}

bool Serves(const x509::Certificate& leaf) {
  const std::vector<std::string> usages = leaf.extended_key_usages();
  const auto has = [&usages](absl::string_view oid) {
    return std::find(usages.begin(), usages.end(), oid) != usages.end();
  };
  return leaf.allows_digital_signature() && (usages.empty() || (has(kServerAuth) && has(kClientAuth)));
}

}  // namespace

absl::StatusOr<std::vector<x509::Certificate>> JudgeIssued(absl::string_view chain_pem, const Expected& expected,
                                                           absl::Time now) {
  absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(chain_pem);
  if (!chain.ok()) return Wrong(absl::StrCat("no certificate: ", chain.status().message()));
  const x509::Certificate& leaf = chain->front();
  if (!(leaf.public_key() == expected.key)) return Wrong("a certificate for another key");
  if (leaf.common_name() != expected.name)
    return Wrong(absl::StrCat("a certificate for ", leaf.common_name(), ", not ", expected.name));
  if (leaf.is_ca() || leaf.allows_certificate_signing()) return Wrong("a certificate that may sign certificates");
  if (!Serves(leaf)) return Wrong("a certificate whose key usage does not serve both sides of TLS");
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if ((*chain)[i].self_signed()) return Wrong("a self-signed root inside the chain");
    if (!(*chain)[i - 1].VerifySignedBy((*chain)[i]).ok()) return Wrong("a chain that is out of order");
  }
  const std::vector<x509::Certificate> intermediates(chain->begin() + 1, chain->end());
  if (absl::Status verdict = x509::VerifyChain(leaf, intermediates, expected.anchors, now); !verdict.ok()) {
    return Wrong(absl::StrCat("a certificate that does not verify: ", verdict.message()));
  }
  return chain;
}

std::string RenderChainFile(const std::vector<x509::Certificate>& chain) {
  std::string text;
  for (const x509::Certificate& certificate : chain) absl::StrAppend(&text, certificate.pem());
  if (text.size() % kPage == 0) text += '\n';
  return text;
}

}  // namespace signet::cli
