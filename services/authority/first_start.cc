#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/authority/authorities.h"
#include "services/authority/custody_label.h"
#include "services/authority/new_root.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/x509/certificate.h"

namespace signet::authority {
namespace {

constexpr std::size_t kLongestCluster = 40;

// Everything the first transaction stores, made before it begins: signing inside would hold up every other writer.
struct Beginning {
  store::AuthorityRow slurm;
  store::AuthorityRow control;
  store::KeyRow bundle_key;
  store::KeyRow audit_key;
  store::BundleRow bundle;
  std::shared_ptr<const keys::Signer> audit_signer;
};

absl::Status Configuration(absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

absl::Status CheckCluster(absl::string_view cluster) {
  const bool plain = std::all_of(cluster.begin(), cluster.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (!cluster.empty() && cluster.size() <= kLongestCluster && plain) return absl::OkStatus();
  return Configuration(
      absl::StrCat("the cluster's name must have 1 to ", kLongestCluster, " letters, digits, '-', '_' or '.'"),
      "set cluster in signetd.yaml to slurm.conf's ClusterName");
}

absl::StatusOr<bool> Exists(const absl::Status& found) {
  if (found.ok()) return true;
  if (absl::IsNotFound(found)) return false;
  return found;
}

// True when all is there, false when nothing is. They come and go together, so that anything between is damage.
absl::StatusOr<bool> Begun(const store::Tables& tables) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
  const auto has = [&rows](store::Purpose purpose) {
    return std::any_of(rows.begin(), rows.end(), [purpose](const auto& row) { return row.purpose == purpose; });
  };
  SIGNET_ASSIGN_OR_RETURN(const bool bundle_key, Exists(tables.authorities().FindKey(kBundlePurpose).status()));
  SIGNET_ASSIGN_OR_RETURN(const bool audit_key, Exists(tables.authorities().FindKey(kAuditPurpose).status()));
  SIGNET_ASSIGN_OR_RETURN(const bool bundle, Exists(tables.bundles().Newest().status()));
  const int parts = has(store::Purpose::kSlurm) + has(store::Purpose::kControl) + bundle_key + audit_key + bundle;
  if (parts == 0) return false;
  if (parts == 5) return true;
  return Configuration("the store has some of its authorities, keys and bundle but not all: it is damaged",
                       "signetd restore");
}

// The signed bundle says whose store this is.
absl::Status CheckStoreIsOf(absl::string_view cluster, const store::Tables& tables) {
  SIGNET_ASSIGN_OR_RETURN(const store::KeyRow key, tables.authorities().FindKey(kBundlePurpose));
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow newest, tables.bundles().Newest());
  const auto bundle = bundle::Verify(newest.signed_bundle, x509::Sha256(key.spki_der), cluster);
  if (bundle.ok()) return absl::OkStatus();
  if (base::ReasonOf(bundle.status()) == base::kWrongCluster) {
    return Configuration(
        absl::StrCat("the store belongs to another cluster than ", cluster, ": ", bundle.status().message()),
        "set cluster or data_dir in signetd.yaml");
  }
  return Configuration(absl::StrCat("the store's trust bundle does not verify: ", bundle.status().message()),
                       "signetd restore");
}

// Nothing trusts another authority yet, so that no gate stands before the first ones.
absl::StatusOr<store::AuthorityRow> MakeActiveRoot(store::Purpose purpose, absl::string_view subject,
                                                   absl::Duration lifetime, keys::Custody& custody, absl::Time now,
                                                   base::Random& random) {
  SIGNET_ASSIGN_OR_RETURN(store::AuthorityRow row, MakeRoot(purpose, subject, lifetime, custody, random, now));
  row.state = store::AuthorityState::kActive;
  row.activated_at = now;
  return row;
}

absl::StatusOr<std::shared_ptr<const keys::Signer>> MakeKey(absl::string_view purpose, keys::Custody& custody,
                                                            absl::Time now, store::KeyRow& row) {
  SIGNET_ASSIGN_OR_RETURN(const keys::CustodyKey key, custody.Create(purpose));
  row = {std::string(purpose), key.custody, key.handle, key.spki_der, now};
  return custody.Open(purpose, key);
}

absl::StatusOr<Beginning> Make(const FirstStart& first, keys::Custody& custody, absl::Time now, base::Random& random) {
  Beginning made;
  SIGNET_ASSIGN_OR_RETURN(made.slurm,
                          MakeActiveRoot(store::Purpose::kSlurm, first.subject, first.lifetime, custody, now, random));
  SIGNET_ASSIGN_OR_RETURN(made.control,
                          MakeActiveRoot(store::Purpose::kControl, absl::StrCat("CN=Signet control ", first.cluster),
                                         first.lifetime, custody, now, random));
  SIGNET_ASSIGN_OR_RETURN(const auto bundle_signer, MakeKey(kBundlePurpose, custody, now, made.bundle_key));
  SIGNET_ASSIGN_OR_RETURN(made.audit_signer, MakeKey(kAuditPurpose, custody, now, made.audit_key));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate root, x509::Certificate::FromDer(made.slurm.certificate_der));
  bundle::Bundle bundle;
  bundle.cluster = first.cluster;
  bundle.generation = 1;
  SIGNET_ASSIGN_OR_RETURN(bundle.ca_cert_pem, bundle::RenderCaFile({root}));
  bundle.created_at = now;
  SIGNET_ASSIGN_OR_RETURN(made.bundle.signed_bundle, bundle::Sign(bundle, *bundle_signer));
  made.bundle.generation = bundle.generation;
  made.bundle.created_at = now;
  return made;
}

absl::Status AuditAuthority(const audit::AuditLog& log, store::Tables& tables, const store::AuthorityRow& row,
                            const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(row.certificate_der));
  audit::Event event;
  event.origin = origin;
  event.action = "authority.create";
  event.subject = row.id;
  event.message = "made at the first start";
  event.facts = {{"purpose", row.purpose == store::Purpose::kSlurm ? "slurm" : "control"},
                 {"certificate_subject", certificate.subject()},
                 {"not_after", absl::FormatTime(certificate.not_after(), absl::UTCTimeZone())},
                 {"serial", certificate.serial()},
                 {"tbs_sha256", absl::BytesToHexString(x509::Sha256(certificate.tbs_der()))}};
  return log.Append(tables, event);
}

absl::Status StoreBeginning(const Beginning& made, store::Tables& tables) {
  SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(made.slurm));
  SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(made.control));
  SIGNET_RETURN_IF_ERROR(tables.authorities().InsertKey(made.bundle_key));
  SIGNET_RETURN_IF_ERROR(tables.authorities().InsertKey(made.audit_key));
  return tables.bundles().Insert(made.bundle);
}

}  // namespace

absl::StatusOr<Created> EnsureFirstAuthorities(const FirstStart& first, store::Store& store, keys::Custody& custody,
                                               base::Clock& clock, base::Random& random, telemetry::Logger& logger) {
  SIGNET_RETURN_IF_ERROR(CheckCluster(first.cluster));
  bool begun = false;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(begun, Begun(tables));
    return begun ? CheckStoreIsOf(first.cluster, tables) : absl::OkStatus();
  }));
  if (begun) return Created{};

  SIGNET_ASSIGN_OR_RETURN(const Beginning made, Make(first, custody, clock.Now(), random));
  const audit::AuditLog log(first.cluster, made.audit_signer, clock, logger);
  const audit::Origin origin{"signetd", absl::BytesToHexString(random.Bytes(8))};
  const auto begin = [&](store::Tables& tables) -> absl::Status {
    // Another server on the same store may have come first: then its keys count, and ours were never stored.
    SIGNET_ASSIGN_OR_RETURN(begun, Begun(tables));
    if (begun) return CheckStoreIsOf(first.cluster, tables);
    SIGNET_RETURN_IF_ERROR(StoreBeginning(made, tables));
    SIGNET_RETURN_IF_ERROR(AuditAuthority(log, tables, made.slurm, origin));
    return AuditAuthority(log, tables, made.control, origin);
  };
  SIGNET_RETURN_IF_ERROR(store.Write(begin));
  if (begun) return Created{};
  return Created{true, made.slurm.id, made.control.id, absl::BytesToHexString(x509::Sha256(made.bundle_key.spki_der))};
}

}  // namespace signet::authority
