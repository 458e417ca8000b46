#include "services/authority/authorities.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/authority/cross.h"
#include "services/authority/custody_label.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::authority {
namespace {

absl::Status Fault(absl::string_view id, absl::string_view what, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("authority ", id, ": ", what), next);
}

// The usual cause of a key that does not open is a key-encryption key that is not the store's: say so.
absl::StatusOr<std::shared_ptr<const keys::Signer>> OpenSigner(keys::Custody& custody, absl::string_view label,
                                                               absl::string_view whose, const keys::CustodyKey& key) {
  auto signer = custody.Open(label, key);
  if (signer.ok() || !absl::IsFailedPrecondition(signer.status())) return signer;
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kConfiguration,
      absl::StrCat("the key of ", whose, " does not open: ", signer.status().message(),
                   "; is the key-encryption key (keys.kek_file) the one this store was made with?"),
      "put the key-encryption key file that belongs to this store back, or restore the store that belongs to it");
}

absl::Status CheckActive(const x509::Certificate& certificate, absl::string_view id, absl::Time now) {
  if (now < certificate.not_before()) {
    return Fault(id,
                 absl::StrCat("its certificate is not valid before ",
                              absl::FormatTime(certificate.not_before(), absl::UTCTimeZone()), " and it is ",
                              absl::FormatTime(now, absl::UTCTimeZone())),
                 "set this host's clock");
  }
  if (now >= certificate.not_after()) {
    return Fault(
        id, absl::StrCat("its certificate expired at ", absl::FormatTime(certificate.not_after(), absl::UTCTimeZone())),
        "set this host's clock if it is wrong; else begin with a new data_dir and enrol the nodes again");
  }
  return absl::OkStatus();
}

// What stands between a subordinate authority and its anchor: each signed by the next, and none of them the root, which
// beside a cross certificate of the same name would hide it.
absl::Status CheckIntermediates(const x509::Certificate& own, const std::vector<x509::Certificate>& intermediates,
                                const x509::Certificate& anchor, absl::string_view id) {
  if (intermediates.front().der() != own.der()) {
    return Fault(id, "its intermediates do not begin with its own certificate", "signetd restore");
  }
  for (std::size_t i = 0; i < intermediates.size(); ++i) {
    const x509::Certificate& above = i + 1 < intermediates.size() ? intermediates[i + 1] : anchor;
    const absl::Status signed_by = intermediates[i].VerifySignedBy(above);
    if (signed_by.ok() && !intermediates[i].self_signed() && above.is_ca()) continue;
    return Fault(id, absl::StrCat(intermediates[i].subject(), " does not lead to its anchor ", anchor.subject()),
                 "signetd restore");
  }
  return absl::OkStatus();
}

absl::StatusOr<x509::Certificate> ParseCertificate(absl::string_view der, absl::string_view id) {
  auto certificate = x509::Certificate::FromDer(der);
  if (certificate.ok()) return certificate;
  return Fault(id, absl::StrCat("its certificate does not parse: ", certificate.status().message()), "signetd restore");
}

absl::StatusOr<std::shared_ptr<const keys::Signer>> OpenSignerOf(const store::AuthorityRow& row,
                                                                 const x509::Certificate& certificate,
                                                                 keys::Custody& custody) {
  if (row.custody == kForeignCustody) {
    // Only what never signs may lack a key, and nothing of Signet's own TLS.
    if (row.state == store::AuthorityState::kPrepared || row.state == store::AuthorityState::kActive ||
        row.purpose != store::Purpose::kSlurm) {
      return Fault(row.id, "it has no key here, and its state and purpose want one", "signetd restore");
    }
    return std::shared_ptr<const keys::Signer>();
  }
  if (!IsTrusted(row.state)) return std::shared_ptr<const keys::Signer>();
  SIGNET_ASSIGN_OR_RETURN(auto signer,
                          OpenSigner(custody, CustodyLabel(row.purpose), absl::StrCat("authority ", row.id),
                                     {row.custody, row.handle, row.spki_der}));
  if (signer->public_key() == certificate.public_key()) return signer;
  return Fault(row.id, "its certificate and its key do not match", "signetd restore");
}

absl::StatusOr<Authority> OpenAuthority(const store::AuthorityRow& row, keys::Custody& custody, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, ParseCertificate(row.certificate_der, row.id));
  if (certificate.public_key().spki_der() != row.spki_der || certificate.public_key().key_id() != row.id) {
    return Fault(row.id, "its certificate and its key do not match", "signetd restore");
  }
  if (!certificate.is_ca() || !certificate.allows_certificate_signing()) {
    return Fault(row.id, "its certificate is not a CA's", "signetd restore");
  }
  if (row.intermediates_pem.empty() != row.anchor_der.empty()) {
    return Fault(row.id, "it has intermediates without an anchor, or an anchor without", "signetd restore");
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor,
                          ParseCertificate(row.anchor_der.empty() ? row.certificate_der : row.anchor_der, row.id));
  std::vector<x509::Certificate> intermediates;
  if (!row.intermediates_pem.empty()) {
    auto listed = x509::Certificate::ListFromPem(row.intermediates_pem);
    if (!listed.ok()) {
      return Fault(row.id, absl::StrCat("its intermediates do not parse: ", listed.status().message()),
                   "signetd restore");
    }
    intermediates = *std::move(listed);
    SIGNET_RETURN_IF_ERROR(CheckIntermediates(certificate, intermediates, anchor, row.id));
  }
  if (row.state == store::AuthorityState::kActive) SIGNET_RETURN_IF_ERROR(CheckActive(certificate, row.id, now));
  SIGNET_ASSIGN_OR_RETURN(auto signer, OpenSignerOf(row, certificate, custody));
  return Authority{row.id,
                   row.purpose,
                   row.state,
                   certificate,
                   std::move(signer),
                   {},
                   anchor,
                   std::move(intermediates),
                   row.created_at,
                   row.activated_at,
                   row.retired_at,
                   row.revoked_at};
}

// A cross certificate that is left out unseen is an outage for whoever trusts its issuer only.
absl::Status CheckCrosses(const std::vector<store::CrossRow>& crosses, const std::vector<Authority>& authorities,
                          absl::Time now) {
  for (const store::CrossRow& row : crosses) {
    for (const Authority& issuer : authorities) {
      if (issuer.id != row.issuer_id || !IsTrusted(issuer.state) || now >= row.not_after) continue;
      const auto cross = x509::Certificate::FromDer(row.certificate_der);
      const absl::Status sound = cross.ok() ? cross->VerifySignedBy(issuer.certificate) : cross.status();
      if (sound.ok()) continue;
      return Fault(row.issuer_id,
                   absl::StrCat("its cross certificate for ", row.subject_id, " is damaged: ", sound.message()),
                   "signetd restore");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const keys::Signer>> OpenKey(const store::Store& store, keys::Custody& custody,
                                                            absl::string_view purpose) {
  store::KeyRow row;
  SIGNET_RETURN_IF_ERROR(store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(row, tables.authorities().FindKey(purpose));
    return absl::OkStatus();
  }));
  return OpenSigner(custody, row.purpose, absl::StrCat("purpose ", purpose), {row.custody, row.handle, row.spki_der});
}

absl::StatusOr<std::unique_ptr<Authorities>> Authorities::Open(store::Store& store, keys::Custody& custody,
                                                               base::Clock& clock) {
  std::unique_ptr<Authorities> authorities(new Authorities(store, custody, clock));
  SIGNET_RETURN_IF_ERROR(authorities->Reload());
  return authorities;
}

absl::Status Authorities::Reload() {
  const base::MutexLock one_at_a_time(reloading_);
  std::vector<store::AuthorityRow> rows;
  std::vector<store::CrossRow> crosses;
  SIGNET_RETURN_IF_ERROR(store_.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(rows, tables.authorities().List());
    SIGNET_ASSIGN_OR_RETURN(crosses, tables.authorities().ListCrosses());
    return absl::OkStatus();
  }));
  const absl::Time now = clock_.Now();
  std::vector<Authority> opened;
  for (const store::AuthorityRow& row : rows) {
    for (const Authority& other : opened) {
      if (row.state == store::AuthorityState::kActive && other.state == row.state && other.purpose == row.purpose) {
        return Fault(row.id, absl::StrCat("it and ", other.id, " are both active"), "signetd restore");
      }
    }
    SIGNET_ASSIGN_OR_RETURN(Authority authority, OpenAuthority(row, custody_, now));
    opened.push_back(std::move(authority));
  }
  SIGNET_RETURN_IF_ERROR(CheckCrosses(crosses, opened, now));
  std::vector<std::shared_ptr<const Authority>> list;
  for (const Authority& authority : opened) {
    Authority whole = authority;
    whole.chain_above = ChainAbove(authority, opened, crosses, now);
    list.push_back(std::make_shared<const Authority>(std::move(whole)));
  }
  const base::MutexLock lock(mutex_);
  list_ = std::move(list);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Authority>> Authorities::Active(store::Purpose purpose) const {
  for (auto& authority : List()) {
    if (authority->purpose == purpose && authority->state == store::AuthorityState::kActive)
      return std::move(authority);
  }
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kConfiguration,
      absl::StrCat("there is no active authority for ", purpose == store::Purpose::kSlurm ? "slurm" : "control"),
      "signetctl authority list");
}

absl::StatusOr<std::shared_ptr<const Authority>> Authorities::Find(absl::string_view id) const {
  for (auto& authority : List()) {
    if (authority->id == id) return std::move(authority);
  }
  return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "there is no authority with this id",
                       "signetctl authority list");
}

std::vector<std::shared_ptr<const Authority>> Authorities::List() const {
  const base::MutexLock lock(mutex_);
  return list_;
}

std::vector<x509::Certificate> Authorities::Anchors(store::Purpose purpose) const {
  std::vector<x509::Certificate> anchors;
  for (const auto& authority : List()) {
    if (authority->purpose != purpose || !IsTrusted(authority->state)) continue;
    const bool known = std::any_of(anchors.begin(), anchors.end(),
                                   [&authority](const auto& other) { return other.der() == authority->anchor.der(); });
    if (!known) anchors.push_back(authority->anchor);
  }
  return anchors;
}

}  // namespace signet::authority
