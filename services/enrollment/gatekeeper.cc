#include "services/enrollment/gatekeeper.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/ledger_rules.h"
#include "services/names/node_name.h"

namespace signet::enrollment {
namespace {

absl::Status Denied(absl::string_view reason, absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kPermissionDenied, reason, message, next);
}

// What the ledger keeps of a statement that was admitted.
void TakeReport(const evidence::Statement& statement, absl::Time now, store::NodeRow& node) {
  node.key_id = statement.key_id;
  node.seq = statement.seq;
  node.boot_id = statement.boot_id;
  if (!statement.machine_id_sha256.empty()) node.machine_id_sha256 = statement.machine_id_sha256;
  node.disk_generation = statement.bundle_on_disk.generation;
  node.disk_sha256 = statement.bundle_on_disk.sha256;
  // Only two renewals by one process tell what it has loaded: a claim without that is no news.
  if (statement.loaded_seen_at_renewal) {
    node.loaded_generation = statement.bundle_loaded.generation;
    node.loaded_sha256 = statement.bundle_loaded.sha256;
  }
  node.adapter_version = statement.adapter_version;
  node.last_request_at = now;
}

absl::StatusOr<int> AdmitIdentity(store::Tables& tables, const evidence::Statement& statement, store::TokenRow token,
                                  absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const int64_t superseded, tables.nodes().EndIdentities(statement.node, statement.daemon, now,
                                                                                 store::EndedBy::kEnrolment));
  store::IdentityRow identity;
  identity.key_id = statement.key_id;
  identity.node = statement.node;
  identity.daemon = statement.daemon;
  identity.spki_der = statement.identity_spki_der;
  identity.evidence = token.kind;
  identity.token_id = token.id;
  identity.admitted_at = now;
  SIGNET_RETURN_IF_ERROR(tables.nodes().InsertIdentity(identity));
  token.uses += 1;
  token.last_used_at = now;
  token.used_by_key_id = statement.key_id;
  SIGNET_RETURN_IF_ERROR(tables.tokens().Update(token));
  return static_cast<int>(superseded);
}

}  // namespace

absl::StatusOr<Claim> Gatekeeper::Examine(absl::string_view signed_statement, absl::string_view expected_node,
                                          const std::optional<std::string>& csr_spki_sha256) const {
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(expected_node));
  SIGNET_ASSIGN_OR_RETURN(evidence::SignedStatement parsed, evidence::SignedStatement::Parse(signed_statement));
  const evidence::Statement& statement = parsed.statement();
  if (statement.cluster != cluster_) {
    return Denied(base::kWrongCluster, absl::StrCat("the evidence is for another cluster; this one is ", cluster_),
                  "set cluster in signet-slurm.yaml on the node");
  }
  if (statement.node != expected_node) {
    return Denied(base::kWrongNode, absl::StrCat("the evidence is for node ", statement.node, ", not ", expected_node));
  }
  if (!names::IsNodeDaemon(statement.daemon)) {
    return Denied(base::kWrongDaemon, "the evidence's daemon must be slurmd or sackd");
  }
  if (csr_spki_sha256.has_value() && *csr_spki_sha256 != statement.csr_spki_sha256) {
    return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid,
                         "the evidence is bound to another CSR's key");
  }
  if (statement.csr_spki_sha256 == parsed.identity_key().spki_sha256()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                         "the CSR's key is the identity key: a TLS key is made for each request");
  }
  SIGNET_RETURN_IF_ERROR(evidence::CheckTimes(statement, clock_.Now()));
  return Claim(std::move(parsed));
}

absl::StatusOr<Admission> Gatekeeper::Judge(const store::Tables& tables, const Claim& claim) const {
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, JudgeByLedger(tables, claim.signed_statement(), clock_.Now()));
  return std::move(verdict.admission);
}

absl::StatusOr<Admission> Gatekeeper::Admit(store::Tables& tables, const Claim& claim) const {
  const evidence::Statement& statement = claim.statement();
  const absl::Time now = clock_.Now();
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, JudgeByLedger(tables, claim.signed_statement(), now));
  if (verdict.admission.repeat) return std::move(verdict.admission);
  store::NodeRow node = verdict.node.value_or(store::NodeRow{});
  if (verdict.token.has_value()) {
    SIGNET_ASSIGN_OR_RETURN(verdict.admission.superseded, AdmitIdentity(tables, statement, *verdict.token, now));
    // A new key has a new history: what the old one's daemon had loaded went with it.
    node = store::NodeRow{};
    node.name = statement.node;
    node.daemon = statement.daemon;
    node.enrolled_at = now;
  }
  TakeReport(statement, now, node);
  SIGNET_RETURN_IF_ERROR(tables.nodes().Put(node));
  return std::move(verdict.admission);
}

absl::Status Gatekeeper::SetCertificate(store::Tables& tables, const Claim& claim,
                                        const store::CertificateRow& row) const {
  SIGNET_ASSIGN_OR_RETURN(store::NodeRow node, tables.nodes().Find(claim.statement().node, claim.statement().daemon));
  node.serial = row.serial;
  node.not_after = row.not_after;
  return tables.nodes().Put(node);
}

}  // namespace signet::enrollment
