#include "services/enrollment/gatekeeper.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/ledger_rules.h"
#include "services/enrollment/rule_words.h"
#include "services/names/node_name.h"

namespace signet::enrollment {
namespace {

// Eight boot ids and the commas between them: as many hosts with one identity key are seen to take turns.
constexpr std::size_t kBootIdsKept = 8 * 36 + 7;

// What the ledger keeps of a statement that was admitted.
void TakeReport(const evidence::Statement& statement, const Admission& admission, absl::Time now,
                store::NodeRow& node) {
  node.key_id = statement.key_id;
  node.seq = statement.seq;
  // A process that goes on with the same file claims it at each renewal: one that does not has begun anew, and nobody
  // knows with which file. Where the file changed since, what the process holds is what it held.
  const bool process_goes_on = statement.boot_id == node.boot_id && statement.bundle_on_disk.sha256 != node.disk_sha256;
  if (!statement.loaded_seen_at_renewal && !process_goes_on) {
    node.loaded_generation = 0;
    node.loaded_sha256.clear();
  }
  if (statement.boot_id != node.boot_id) {
    const absl::string_view comma = node.previous_boot_id.empty() ? "" : ",";
    node.previous_boot_id = absl::StrCat(node.boot_id, comma, node.previous_boot_id).substr(0, kBootIdsKept);
    node.boot_id = statement.boot_id;
  }
  if (!statement.machine_id_sha256.empty()) node.machine_id_sha256 = statement.machine_id_sha256;
  if (admission.clone_suspected()) node.clone_suspected_at = now;
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

absl::StatusOr<int> AdmitIdentity(store::Tables& tables, const store::IdentityRow& identity,
                                  std::optional<store::TokenRow> token, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const int64_t superseded, tables.nodes().EndIdentities(identity.node, identity.daemon, now,
                                                                                 store::EndedBy::kEnrolment));
  SIGNET_RETURN_IF_ERROR(tables.nodes().InsertIdentity(identity));
  // The key came, by whatever way: an approval of it is done.
  SIGNET_RETURN_IF_ERROR(tables.approvals().Delete(identity.key_id).status());
  if (token.has_value()) {
    token->uses += 1;
    token->last_used_at = now;
    token->used_by_key_id = identity.key_id;
    SIGNET_RETURN_IF_ERROR(tables.tokens().Update(*token));
  }
  return static_cast<int>(superseded);
}

}  // namespace

absl::Status Claim::ReviewPod(PodReviewer& pods) {
  SIGNET_ASSIGN_OR_RETURN(pod_, pods.Review(statement().kubernetes_token));
  return absl::OkStatus();
}

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

Judgment Gatekeeper::Judge(const store::Tables& tables, const Claim& claim) const {
  LedgerJudgment judged = JudgeByLedger(tables, claim, clock_.Now());
  Judgment judgment;
  judgment.proven_key = std::move(judged.proven_key);
  judgment.wants_pod = judged.wants_pod;
  if (judged.verdict.ok()) {
    judgment.admission = std::move(judged.verdict->admission);
  } else {
    judgment.admission = judged.verdict.status();
  }
  return judgment;
}

absl::StatusOr<Admission> Gatekeeper::Admit(store::Tables& tables, const Claim& claim) const {
  const evidence::Statement& statement = claim.statement();
  const absl::Time now = clock_.Now();
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, JudgeByLedger(tables, claim, now).verdict);
  if (verdict.admission.repeat) return std::move(verdict.admission);
  store::NodeRow node = verdict.node.value_or(store::NodeRow{});
  if (verdict.identity.has_value()) {
    SIGNET_ASSIGN_OR_RETURN(verdict.admission.superseded,
                            AdmitIdentity(tables, *verdict.identity, std::move(verdict.token), now));
    // A new key has a new history: what the old one's daemon had loaded went with it, and so did signs of a clone.
    node = store::NodeRow{};
    node.name = statement.node;
    node.daemon = statement.daemon;
    node.enrolled_at = now;
  }
  // Another boot, or another key, is another process: what a probe found in the one before says nothing of it.
  if (statement.boot_id != node.boot_id) {
    SIGNET_RETURN_IF_ERROR(tables.sightings().DeleteProbes(node.name, node.daemon));
  }
  TakeReport(statement, verdict.admission, now, node);
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
