#include "services/authority/known_bundles.h"

#include <vector>

#include "absl/strings/match.h"
#include "services/base/status_macros.h"
#include "services/bundle/signed_bundle.h"
#include "services/x509/public_key.h"

namespace signet::authority {
namespace {
constexpr int kGenerationsRead = 1000;
}  // namespace

absl::StatusOr<KnownBundles> KnownBundles::Read(const store::Tables& tables, absl::string_view anchor_pem) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::BundleRow> rows, tables.bundles().List(kGenerationsRead));
  KnownBundles known;
  for (const store::BundleRow& row : rows) {
    SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle bundle, bundle::ReadUnverified(row.signed_bundle));
    // bundle::RenderCaFile writes each certificate as Certificate::pem() has it.
    known.holds_[x509::Sha256(bundle.ca_cert_pem)] = absl::StrContains(bundle.ca_cert_pem, anchor_pem);
    known.oldest_ = row.generation;
  }
  return known;
}

Holds KnownBundles::Judge(absl::string_view file_sha256) const {
  const auto found = holds_.find(file_sha256);
  if (found == holds_.end()) return Holds::kUnknown;
  return found->second ? Holds::kYes : Holds::kNo;
}

}  // namespace signet::authority
