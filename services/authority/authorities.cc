#include "services/authority/authorities.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/authority/custody_label.h"
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

bool IsTrusted(store::AuthorityState state) {
  return state == store::AuthorityState::kPrepared || state == store::AuthorityState::kActive ||
         state == store::AuthorityState::kRetired;
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

absl::StatusOr<std::shared_ptr<const Authority>> OpenAuthority(const store::AuthorityRow& row, keys::Custody& custody,
                                                               absl::Time now) {
  auto certificate = x509::Certificate::FromDer(row.certificate_der);
  if (!certificate.ok())
    return Fault(row.id, absl::StrCat("its certificate does not parse: ", certificate.status().message()),
                 "signetd restore");
  if (certificate->public_key().spki_der() != row.spki_der || certificate->public_key().key_id() != row.id) {
    return Fault(row.id, "its certificate and its key do not match", "signetd restore");
  }
  if (!certificate->is_ca() || !certificate->allows_certificate_signing()) {
    return Fault(row.id, "its certificate is not a CA's", "signetd restore");
  }
  if (row.state == store::AuthorityState::kActive) SIGNET_RETURN_IF_ERROR(CheckActive(*certificate, row.id, now));
  std::shared_ptr<const keys::Signer> signer;
  if (row.custody == kForeignCustody) {
    // Only what never signs may lack a key, and nothing of Signet's own TLS.
    if (row.state == store::AuthorityState::kPrepared || row.state == store::AuthorityState::kActive ||
        row.purpose != store::Purpose::kSlurm) {
      return Fault(row.id, "it has no key here, and its state and purpose want one", "signetd restore");
    }
  } else if (IsTrusted(row.state)) {
    SIGNET_ASSIGN_OR_RETURN(signer, OpenSigner(custody, CustodyLabel(row.purpose), absl::StrCat("authority ", row.id),
                                               {row.custody, row.handle, row.spki_der}));
    if (!(signer->public_key() == certificate->public_key())) {
      return Fault(row.id, "its certificate and its key do not match", "signetd restore");
    }
  }
  return std::make_shared<const Authority>(
      Authority{row.id, row.purpose, row.state, *std::move(certificate), std::move(signer), {}});
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
  std::vector<store::AuthorityRow> rows;
  SIGNET_RETURN_IF_ERROR(store_.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(rows, tables.authorities().List());
    return absl::OkStatus();
  }));
  std::vector<std::shared_ptr<const Authority>> list;
  for (const store::AuthorityRow& row : rows) {
    for (const auto& other : list) {
      if (row.state == store::AuthorityState::kActive && other->state == row.state && other->purpose == row.purpose) {
        return Fault(row.id, absl::StrCat("it and ", other->id, " are both active"), "signetd restore");
      }
    }
    SIGNET_ASSIGN_OR_RETURN(auto authority, OpenAuthority(row, custody_, clock_.Now()));
    list.push_back(std::move(authority));
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
    if (authority->purpose == purpose && IsTrusted(authority->state)) anchors.push_back(authority->certificate);
  }
  return anchors;
}

}  // namespace signet::authority
