#include "services/enrollment/ledger_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/new_key_rules.h"
#include "services/enrollment/optional_row.h"
#include "services/enrollment/rule_words.h"

namespace signet::enrollment {
namespace {

// What a node whose key ended needs: its adapter keeps the key until a new token file lies there.
std::string NewIdentityHint(const evidence::Statement& statement) {
  return absl::StrCat(statement.token_id.empty() ? "" : "; no token brings it back",
                      "; a new token file makes the node start with a new key at its next enrolment");
}

absl::Status Superseded(const evidence::Statement& statement, const store::IdentityRow& identity) {
  const std::string when =
      identity.superseded_at == absl::InfiniteFuture() ? "" : absl::StrCat(" at ", TimeText(identity.superseded_at));
  return Denied(
      base::kIdentitySuperseded,
      absl::StrCat("a newer enrolment of ", statement.node, " (", statement.daemon, ") ended this identity key", when,
                   ": two hosts share this name, or one is a clone", NewIdentityHint(statement)),
      absl::StrCat("signetctl node show ", statement.node,
                   "   (where this host is the right one: ", TokenCreate(statement.node, statement.daemon), ")"));
}

absl::Status Ended(const store::Tables& tables, const evidence::Statement& statement,
                   const store::IdentityRow& identity) {
  SIGNET_ASSIGN_OR_RETURN(const auto block, OptionalRow(tables.blocks().Find(statement.node)));
  const std::string unblock =
      block.has_value() ? absl::StrCat("signetctl node unblock ", statement.node, ", then ") : std::string();
  return Denied(base::kIdentityEnded,
                absl::StrCat("an administrator ended this identity key of ", statement.node, " (", statement.daemon,
                             ") at ", TimeText(identity.superseded_at), " with `", EndingCommand(identity.ended_by),
                             "`", NewIdentityHint(statement)),
                absl::StrCat(unblock, TokenCreate(statement.node, statement.daemon)));
}

absl::Status Regressed(const evidence::Statement& statement, absl::string_view how) {
  return Denied(
      base::kSequenceRegressed,
      absl::StrCat(how, " than the last one of ", statement.node, " (", statement.daemon, "): clone suspected"),
      absl::StrCat("signetctl node show ", statement.node));
}

absl::Status CheckLive(const store::Tables& tables, const evidence::Statement& statement,
                       const store::IdentityRow& identity, const std::optional<store::NodeRow>& node) {
  if (identity.superseded_at != absl::InfiniteFuture()) {
    return EndingCommand(identity.ended_by).empty() ? Superseded(statement, identity)
                                                    : Ended(tables, statement, identity);
  }
  if (!node.has_value() || node->key_id != identity.key_id) return Superseded(statement, identity);
  return absl::OkStatus();
}

absl::StatusOr<Verdict> JudgeKnown(const store::Tables& tables, const evidence::Statement& statement,
                                   const store::IdentityRow& identity, const std::optional<store::NodeRow>& node,
                                   std::string& proven_key) {
  if (identity.spki_der != statement.identity_spki_der) {
    return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid,
                         "the identity key is not the one that enrolled under this key id");
  }
  SIGNET_RETURN_IF_ERROR(CheckSubject(statement, "the identity key", identity.node, identity.daemon,
                                      TokenCreate(statement.node, statement.daemon)));
  proven_key = identity.key_id;
  SIGNET_RETURN_IF_ERROR(CheckLive(tables, statement, identity, node));

  Verdict verdict;
  verdict.node = node;
  Admission& admission = verdict.admission;
  admission.evidence = "identity";
  if (statement.seq > node->seq) {
    SIGNET_RETURN_IF_ERROR(CheckKeyIsFree(tables, statement));
    admission.host_changed = !statement.machine_id_sha256.empty() && !node->machine_id_sha256.empty() &&
                             statement.machine_id_sha256 != node->machine_id_sha256;
    // One host never boots into a boot it had before.
    admission.boots_alternate =
        statement.boot_id != node->boot_id && absl::StrContains(node->previous_boot_id, statement.boot_id);
    return verdict;
  }
  // Slurm resends one CSR for as long as slurmctld is away, and whoever captured it may too: the answer is worth
  // nothing without the key.
  SIGNET_ASSIGN_OR_RETURN(auto answer, OptionalRow(tables.certificates().FindAnswer(identity.key_id, statement.seq,
                                                                                    statement.csr_spki_sha256)));
  if (!answer.has_value()) {
    return Regressed(statement, statement.seq == node->seq ? "the request has the same sequence number but another key"
                                                           : "the request has a lower sequence number");
  }
  admission.repeat = true;
  admission.newest = statement.seq == node->seq;
  // All older requests share one limit: whoever captured many of them has no more tries for it.
  proven_key = admission.newest ? absl::StrCat(identity.key_id, "/", statement.seq) : identity.key_id + "/old";
  admission.answer = *std::move(answer);
  return verdict;
}

// Last, so that only who proved to be this node learns that it is blocked; a token does not lift a block.
absl::Status CheckNotBlocked(const store::Tables& tables, const std::string& node) {
  SIGNET_ASSIGN_OR_RETURN(const auto block, OptionalRow(tables.blocks().Find(node)));
  if (!block.has_value()) return absl::OkStatus();
  return Denied(
      base::kNodeBlocked, absl::StrCat(node, " is blocked since ", TimeText(block->blocked_at)),
      absl::StrCat("signetctl node show ", node, "   (to lift the block: signetctl node unblock ", node, ")"));
}

absl::StatusOr<Verdict> JudgeInOrder(const store::Tables& tables, const Claim& claim, absl::Time now,
                                     LedgerJudgment& judgment) {
  const evidence::Statement& statement = claim.statement();
  SIGNET_ASSIGN_OR_RETURN(const auto identity, OptionalRow(tables.nodes().FindIdentity(statement.key_id)));
  SIGNET_ASSIGN_OR_RETURN(const auto node, OptionalRow(tables.nodes().Find(statement.node, statement.daemon)));
  absl::StatusOr<Verdict> verdict = identity.has_value()
                                        ? JudgeKnown(tables, statement, *identity, node, judgment.proven_key)
                                        : JudgeNewKey(tables, claim, node, now, judgment.proven_key);
  if (!verdict.ok()) {
    // A known key stands for itself: Kubernetes is not asked, and need not be up.
    judgment.wants_pod = !identity.has_value() && !statement.kubernetes_token.empty() && !claim.pod().has_value();
    return verdict;
  }
  SIGNET_RETURN_IF_ERROR(CheckNotBlocked(tables, statement.node));
  return verdict;
}

}  // namespace

LedgerJudgment JudgeByLedger(const store::Tables& tables, const Claim& claim, absl::Time now) {
  LedgerJudgment judgment{absl::InternalError("not judged"), "", false};
  judgment.verdict = JudgeInOrder(tables, claim, now, judgment);
  if (!judgment.verdict.ok() && !judgment.proven_key.empty()) {
    judgment.verdict = base::Proven(judgment.verdict.status());
  }
  return judgment;
}

}  // namespace signet::enrollment
