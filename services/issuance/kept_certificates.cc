#include "services/issuance/kept_certificates.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/keys/request_signing.h"
#include "services/x509/certificate.h"

namespace signet::issuance {
namespace {

// A leaf and a handful of certificates above it.
constexpr std::size_t kMostCertificates = 16;

Finding NewCertificate(absl::string_view why) { return {Due::kCertificate, std::string(why), ""}; }

// Why the two are no pair; empty when they are.
std::string FaultOfPair(const Pair& found, std::optional<x509::Certificate>& leaf) {
  if (found.chain_pem.empty() && found.key_pem.empty()) return "there is none";
  absl::StatusOr<std::vector<x509::Certificate>> chain =
      x509::Certificate::ListFromPem(found.chain_pem, kMostCertificates);
  if (!chain.ok()) return "what is there is no certificate";
  const absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(found.key_pem);
  if (!key.ok()) return "there is no key with it";
  leaf = std::move(chain->front());
  return key->public_key() == leaf->public_key() ? "" : "its key is another one's";
}

// Why the inventory speaks against it; empty when it does not.
std::string FaultOfRecord(const store::CertificateRow& row, const x509::Certificate& leaf, absl::string_view service,
                          absl::Time now) {
  const bool ours = row.profile == store::Profile::kService && absl::string_view(row.subject) == service &&
                    row.tbs_sha256 == x509::Sha256(leaf.tbs_der());
  if (!ours) return "it was not issued here for this service";
  if (row.state == store::CertificateState::kRevoked) return "it is revoked";
  // A clock that was set back leaves a certificate from the future.
  if (now < row.not_before) return "it is not valid yet";
  const bool due = now >= row.recorded_at + (row.not_after - row.recorded_at) * 2 / 3;
  return due ? "two thirds of its life are over" : "";
}

// Whether a report or a probe found somebody who serves it.
absl::StatusOr<bool> WasSeen(const store::Tables& tables, const std::string& serial) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ReportRow> reports, tables.sightings().ListReports());
  for (const store::ReportRow& report : reports) {
    if (report.served_serial == serial) return true;
  }
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> authorities, tables.authorities().List());
  for (const store::AuthorityRow& authority : authorities) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ProbeRow> probes, tables.sightings().ListProbes(authority.id));
    for (const store::ProbeRow& probe : probes) {
      if (probe.served_serial == serial) return true;
    }
  }
  return false;
}

// Whether a certificate of `service` is so new that a kill may have left it behind.
absl::StatusOr<bool> IsFresh(const store::Tables& tables, const store::CertificateRow& row, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const store::CertificateRow newest,
                          tables.certificates().Newest(store::Profile::kService, row.subject));
  return newest.serial == row.serial && row.recorded_at <= now && now - row.recorded_at <= kWordCounts;
}

audit::Event AbandonedEvent(const store::CertificateRow& row, const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "certificate.revoke";
  event.subject = row.serial;
  event.facts = {{"serial", row.serial},
                 {"holder", row.subject},
                 {"daemon", row.daemon},
                 {"revoked", "1"},
                 {"identities_ended", "0"},
                 {"revocation_reason", "superseded"},
                 {"why", "its key was never handed to the service"}};
  return event;
}

}  // namespace

absl::StatusOr<Finding> KeptCertificates::Examine(absl::string_view service, const Pair& found) const {
  std::optional<x509::Certificate> leaf;
  if (std::string fault = FaultOfPair(found, leaf); !fault.empty()) return NewCertificate(fault);
  SIGNET_ASSIGN_OR_RETURN(const std::shared_ptr<const authority::Authority> active,
                          authorities_.Active(store::Purpose::kSlurm));
  absl::StatusOr<store::CertificateRow> row = absl::UnknownError("not read");
  SIGNET_RETURN_IF_ERROR(store_.Read([&](const store::Tables& tables) -> absl::Status {
    row = tables.certificates().Find(leaf->serial());
    return row.ok() || absl::IsNotFound(row.status()) ? absl::OkStatus() : row.status();
  }));
  if (!row.ok()) return NewCertificate("it was not issued here");
  const absl::Time now = clock_.Now();
  if (std::string fault = FaultOfRecord(*row, *leaf, service, now); !fault.empty()) return NewCertificate(fault);
  if (row->authority_id != active->id) return NewCertificate("another authority signs now");
  if (!leaf->VerifySignedBy(active->certificate).ok()) return NewCertificate("its signature does not hold");
  std::string chain_pem = ChainPem(*leaf, *active, store::Profile::kService, now);
  if (chain_pem == found.chain_pem) return Finding{Due::kNothing, "", ""};
  return Finding{Due::kChain, "what stands above it is another now", std::move(chain_pem)};
}

absl::StatusOr<Pair> KeptCertificates::Issue(absl::string_view service, const keys::PrivateKey& key,
                                             const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const std::string csr, keys::SignRequestPem(key, service, ""));
  SIGNET_ASSIGN_OR_RETURN(Issued issued, certificates_.IssueService(service, csr, origin));
  Pair pair;
  pair.chain_pem = std::move(issued.chain_pem);
  SIGNET_ASSIGN_OR_RETURN(pair.key_pem, key.ToPem());
  return pair;
}

absl::StatusOr<std::string> KeptCertificates::Abandon(absl::string_view service, absl::string_view spki_sha256,
                                                      Word word, const audit::Origin& origin) {
  std::string ended;
  const absl::Time now = clock_.Now();
  const auto end = [&](store::Tables& tables) -> absl::Status {
    ended.clear();
    const absl::StatusOr<store::CertificateRow> row = tables.certificates().FindBySpki(spki_sha256);
    if (absl::IsNotFound(row.status())) return absl::OkStatus();
    SIGNET_RETURN_IF_ERROR(row.status());
    // Whoever may write the place may write any word into it: it ends no certificate but a service's own, and none that
    // somebody was seen to serve.
    const bool its_own = row->profile == store::Profile::kService && absl::string_view(row->subject) == service;
    if (!its_own || row->not_after < now) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(const bool seen, WasSeen(tables, row->serial));
    if (seen) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(const bool fresh, IsFresh(tables, *row, now));
    if (word == Word::kPlaces && !fresh) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(const bool changed,
                            tables.certificates().Revoke(row->serial, now, store::RevocationReason::kSuperseded));
    if (!changed) return absl::OkStatus();
    ended = row->serial;
    return audit_.Append(tables, AbandonedEvent(*row, origin));
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(end));
  return ended;
}

}  // namespace signet::issuance
