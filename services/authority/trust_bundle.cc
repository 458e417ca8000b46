#include "services/authority/trust_bundle.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"

namespace signet::authority {
namespace {

absl::Status Refused(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

}  // namespace

absl::StatusOr<x509::Certificate> AnchorOf(const store::AuthorityRow& row) {
  return x509::Certificate::FromDer(row.anchor_der.empty() ? row.certificate_der : row.anchor_der);
}

bool IsTrusted(store::AuthorityState state) {
  return state == store::AuthorityState::kPrepared || state == store::AuthorityState::kActive ||
         state == store::AuthorityState::kRetired;
}

absl::StatusOr<std::vector<x509::Certificate>> AnchorsOf(const std::vector<store::AuthorityRow>& rows, absl::Time now) {
  std::vector<x509::Certificate> anchors;
  for (const store::AuthorityRow& row : rows) {
    if (row.purpose != store::Purpose::kSlurm || !IsTrusted(row.state)) continue;
    SIGNET_ASSIGN_OR_RETURN(x509::Certificate anchor, AnchorOf(row));
    // Nothing is verified by an expired anchor: one that ended since the last generation is left out.
    if (now >= anchor.not_after()) continue;
    const bool known = std::any_of(anchors.begin(), anchors.end(),
                                   [&anchor](const auto& other) { return other.der() == anchor.der(); });
    if (!known) anchors.push_back(std::move(anchor));
  }
  return anchors;
}

absl::StatusOr<store::BundleRow> NextBundle(absl::string_view cluster, const store::BundleRow& newest,
                                            const std::vector<x509::Certificate>& anchors,
                                            const keys::Signer& bundle_key, absl::Time now, uint64_t at_least) {
  if (anchors.empty())
    return Refused("a trust bundle without an anchor would trust nobody", "signetctl authority list");
  const auto previous = bundle::Verify(newest.signed_bundle, bundle_key.public_key().spki_sha256(), cluster);
  if (!previous.ok()) {
    return Refused(absl::StrCat("the newest trust bundle does not verify: ", previous.status().message()),
                   "signetd restore");
  }
  bundle::Bundle next;
  next.cluster = previous->cluster;
  next.generation = std::max(previous->generation + 1, at_least);
  SIGNET_ASSIGN_OR_RETURN(next.previous_sha256, bundle::BundleSha256(newest.signed_bundle));
  SIGNET_ASSIGN_OR_RETURN(next.ca_cert_pem, bundle::RenderCaFile(anchors));
  next.created_at = now;
  next.next_bundle_key = previous->next_bundle_key;
  store::BundleRow row;
  SIGNET_ASSIGN_OR_RETURN(row.signed_bundle, bundle::Sign(next, bundle_key));
  row.generation = next.generation;
  row.created_at = now;
  return row;
}

}  // namespace signet::authority
