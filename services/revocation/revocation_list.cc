// Revocation::List: the newest certificate revocation list, made when it is due.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/signer.h"
#include "services/revocation/revocation.h"
#include "services/x509/certificate_template.h"
#include "services/x509/revocation_list.h"

namespace signet::revocation {
namespace {

constexpr int kRowsPerRead = 10000;

// What a new list is judged by, and made from.
struct Standing {
  std::optional<store::RevocationListRow> newest;
  int64_t revocations = 0;
};

absl::StatusOr<std::optional<store::RevocationListRow>> FindNewest(const store::Tables& tables,
                                                                   absl::string_view authority_id) {
  auto row = tables.authorities().FindRevocationList(authority_id);
  if (row.ok()) return std::optional(*std::move(row));
  if (absl::IsNotFound(row.status())) return std::optional<store::RevocationListRow>();
  return row.status();
}

absl::StatusOr<Standing> ReadStanding(const store::Tables& tables, absl::string_view authority_id) {
  Standing standing;
  SIGNET_ASSIGN_OR_RETURN(standing.newest, FindNewest(tables, authority_id));
  SIGNET_ASSIGN_OR_RETURN(standing.revocations, tables.certificates().CountRevocations(authority_id));
  return standing;
}

bool IsDue(const Standing& standing, absl::Time now) {
  if (!standing.newest.has_value()) return true;
  const store::RevocationListRow& newest = *standing.newest;
  // One from the future is refused by whoever reads it: the clock was set back. The pause is room for another server's.
  if (newest.next_update - now <= kListOverlap || newest.this_update > now + kListPause) return true;
  return newest.revocations != standing.revocations && now - newest.this_update >= kListPause;
}

absl::StatusOr<std::vector<x509::RevokedCertificate>> ReadRevoked(const store::Tables& tables,
                                                                  absl::string_view authority_id, absl::Time since) {
  std::vector<x509::RevokedCertificate> revoked;
  std::string after;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::CertificateRow> rows,
                            tables.certificates().ListRevoked(authority_id, since, after, kRowsPerRead));
    for (const store::CertificateRow& row : rows) {
      revoked.push_back({row.serial, row.revoked_at, static_cast<int>(row.revocation_reason)});
    }
    if (rows.size() < static_cast<std::size_t>(kRowsPerRead)) return revoked;
    after = rows.back().serial;
  }
}

absl::Status CheckMaySign(const authority::Authority& authority) {
  if (authority.signer == nullptr) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("authority ", authority.id, " has no key here, and signs no revocation list"),
                         "signetctl authority list");
  }
  // RFC 5280 section 4.2.1.3: whoever reads the list would refuse it.
  if (!authority.certificate.allows_list_signing()) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat("the certificate of authority ", authority.id, " does not allow it to sign revocation lists"),
        "signetctl authority list");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SignList(const authority::Authority& authority, x509::RevocationListTemplate list) {
  const x509::Certificate& issuer = authority.certificate;
  list.issuer_der = issuer.subject_der();
  list.authority_key_id =
      issuer.subject_key_id().empty() ? x509::KeyIdentifier(issuer.public_key()) : issuer.subject_key_id();
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(issuer.public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string tbs_der, x509::EncodeRevocationList(list, algorithm));
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, authority.signer->Sign(algorithm, tbs_der));
  // As with certificates, a key fault must not get out.
  SIGNET_RETURN_IF_ERROR(issuer.public_key().Verify(algorithm, tbs_der, signature));
  return x509::AssembleRevocationList(tbs_der, algorithm, signature);
}

}  // namespace

absl::StatusOr<store::RevocationListRow> Revocation::List(absl::string_view authority_id) {
  SIGNET_ASSIGN_OR_RETURN(const auto authority, authority_id.empty() ? authorities_.Active(store::Purpose::kSlurm)
                                                                     : authorities_.Find(authority_id));
  SIGNET_RETURN_IF_ERROR(CheckMaySign(*authority));
  absl::Time now = clock_.Now();
  Standing standing;
  const auto judge = [&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(standing, ReadStanding(tables, authority->id));
    return absl::OkStatus();
  };
  SIGNET_RETURN_IF_ERROR(store_.Read(judge));
  if (!IsDue(standing, now)) return *std::move(standing.newest);

  const base::MutexLock one_at_a_time(making_);
  now = clock_.Now();
  x509::RevocationListTemplate list;
  const auto gather = [&](const store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(judge(tables));
    if (!IsDue(standing, now)) return absl::OkStatus();
    const absl::Time since = standing.newest.has_value() ? std::min(now, standing.newest->this_update) : now;
    SIGNET_ASSIGN_OR_RETURN(list.revoked, ReadRevoked(tables, authority->id, since));
    return absl::OkStatus();
  };
  SIGNET_RETURN_IF_ERROR(store_.Read(gather));
  if (!IsDue(standing, now)) return *std::move(standing.newest);

  const uint64_t before = standing.newest.has_value() ? standing.newest->number : 0;
  store::RevocationListRow row;
  row.authority_id = authority->id;
  row.number = list.number = before + 1;
  row.entries = static_cast<int64_t>(list.revoked.size());
  row.revocations = standing.revocations;
  row.this_update = list.this_update = now;
  row.next_update = list.next_update = now + kListLifetime;
  SIGNET_ASSIGN_OR_RETURN(row.der, SignList(*authority, std::move(list)));

  std::optional<store::RevocationListRow> stored;
  SIGNET_RETURN_IF_ERROR(store_.Write([&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(stored, FindNewest(tables, row.authority_id));
    // Another server was first: two lists of one number must not be about.
    if (stored.has_value() && stored->number != before) return absl::OkStatus();
    stored = row;
    return tables.authorities().PutRevocationList(row);
  }));
  return *std::move(stored);
}

}  // namespace signet::revocation
