#include "services/authority/import.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/ca_certificate.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"

namespace signet::authority {
namespace {

// What one snapshot says about the bundle to come.
struct Ground {
  store::BundleRow newest;
  std::vector<store::AuthorityRow> rows;
  bool known = false;  // the certificate is an anchor already
};

constexpr char kField[] = "certificate_pem";

absl::StatusOr<Ground> Survey(const store::Tables& tables, const x509::Certificate& certificate) {
  Ground ground;
  SIGNET_ASSIGN_OR_RETURN(ground.newest, tables.bundles().Newest());
  SIGNET_ASSIGN_OR_RETURN(ground.rows, tables.authorities().List());
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(ground.rows, absl::InfinitePast()));
  ground.known = std::any_of(anchors.begin(), anchors.end(),
                             [&certificate](const auto& anchor) { return anchor.der() == certificate.der(); });
  if (ground.known) return ground;
  SIGNET_RETURN_IF_ERROR(CheckBeside(kField, certificate, ground.rows));
  return ground;
}

store::AuthorityRow RowOf(const x509::Certificate& certificate, absl::Time now) {
  store::AuthorityRow row;
  row.id = certificate.public_key().key_id();
  row.purpose = store::Purpose::kSlurm;
  row.state = store::AuthorityState::kRetired;
  row.certificate_der = certificate.der();
  row.custody = kForeignCustody;
  row.spki_der = certificate.public_key().spki_der();
  row.created_at = now;
  row.retired_at = now;
  return row;
}

audit::Event EventOf(const x509::Certificate& certificate, uint64_t generation, const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "authority.import";
  event.subject = certificate.public_key().key_id();
  event.message = "a foreign root is an anchor from now on; its key is not here";
  event.facts = {{"certificate_subject", certificate.subject()},
                 {"not_after", TimeText(certificate.not_after())},
                 {"serial", certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(certificate.tbs_der()))},
                 {"bundle_generation", absl::StrCat(generation)}};
  return event;
}

}  // namespace

absl::StatusOr<ImportedAnchor> ImportAnchor(absl::string_view cluster, absl::string_view certificate_pem, bool dry_run,
                                            store::Store& store, keys::Custody& custody, Authorities& authorities,
                                            const audit::AuditLog& audit, base::Clock& clock,
                                            const audit::Origin& origin) {
  const absl::Time now = clock.Now();
  auto certificate = x509::Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) {
    return CaRefused(kField, certificate.status().message(), "name a file with one certificate, PEM");
  }
  SIGNET_RETURN_IF_ERROR(CheckRootCertificate(kField, *certificate, now));
  Ground ground;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(ground, Survey(tables, *certificate));
    return absl::OkStatus();
  }));
  ImportedAnchor imported{certificate->public_key().key_id(), ground.newest.generation, false};
  if (ground.known) return imported;

  SIGNET_ASSIGN_OR_RETURN(const auto bundle_key, OpenKey(store, custody, kBundlePurpose));
  const store::AuthorityRow row = RowOf(*certificate, now);
  ground.rows.push_back(row);
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(ground.rows, now));
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, NextBundle(cluster, ground.newest, anchors, *bundle_key, now));
  if (dry_run) return imported;
  // Signed before the transaction, which holds up every other writer: so what was surveyed must still stand.
  const auto write = [&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const Ground current, Survey(tables, *certificate));
    if (current.known || current.newest.signed_bundle != ground.newest.signed_bundle) {
      return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                           "the trust bundle changed meanwhile; nothing was imported", "repeat the command");
    }
    SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(row));
    SIGNET_RETURN_IF_ERROR(tables.bundles().Insert(bundle));
    return audit.Append(tables, EventOf(*certificate, bundle.generation, origin));
  };
  SIGNET_RETURN_IF_ERROR(store.Write(write));
  imported.bundle_generation = bundle.generation;
  imported.changed = true;
  SIGNET_RETURN_IF_ERROR(authorities.Reload());
  return imported;
}

}  // namespace signet::authority
