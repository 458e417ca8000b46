#include "services/enrollment/new_key_rules.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/evidence_kind.h"
#include "services/enrollment/optional_row.h"
#include "services/enrollment/rule_words.h"
#include "services/x509/public_key.h"

namespace signet::enrollment {
namespace {

bool AdmitsOneKey(EvidenceKind kind) { return kind == EvidenceKind::kSingleUse || kind == EvidenceKind::kLab; }

// What the rules on age and strength compare.
struct Offer {
  EvidenceKind kind;
  std::string what;  // "token", "approval", "pod"
  absl::Time created_at;
  std::string token_id = {};
};

std::string TokenCreate(const evidence::Statement& statement) {
  return enrollment::TokenCreate(statement.node, statement.daemon);
}

// A pod is no administrator's act, however new it is: it follows what is weaker, or another pod.
absl::Status CheckPodMayFollow(const evidence::Statement& statement, const Offer& offer,
                               const store::IdentityRow& last) {
  if (offer.kind != EvidenceKind::kKubernetes) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const EvidenceKind held, EvidenceKindFromStored(last.evidence));
  // An approval is as strong as the administrator who gave it.
  const bool approved = held == EvidenceKind::kApproval;
  if (!approved && StrengthHeld(held) <= StrengthOffered(offer.kind)) return absl::OkStatus();
  return Denied(base::kWeakerEvidence,
                absl::StrCat(statement.node, " enrolled at ", TimeText(last.admitted_at), " with evidence of the kind ",
                             EvidenceKindName(held), ", which a pod (kubernetes) does not replace, however new it is"),
                absl::StrCat("signetctl node forget ", statement.node, "   (only where this node moves into a pod)"));
}

// A node never falls back to less than what it enrolled with, unless an admin made the evidence after that.
absl::Status CheckStrength(const store::Tables& tables, const evidence::Statement& statement, const Offer& offer,
                           const std::optional<store::NodeRow>& node) {
  if (!node.has_value()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const store::IdentityRow last, tables.nodes().FindIdentity(node->key_id));
  SIGNET_RETURN_IF_ERROR(CheckPodMayFollow(statement, offer, last));
  if (last.superseded_at != absl::InfiniteFuture()) {
    // The node was blocked, or its certificate revoked: nothing from before that comes back.
    if (offer.created_at > last.superseded_at) return absl::OkStatus();
    return Denied(
        base::kTokenSuperseded,
        absl::StrCat("the ", offer.what, " is older than ", TimeText(last.superseded_at), ", when ", statement.node,
                     last.ended_by == store::EndedBy::kRevocation ? "'s certificate was revoked" : " was blocked"),
        TokenCreate(statement));
  }
  if (offer.created_at > last.admitted_at) return absl::OkStatus();
  if (!offer.token_id.empty() && last.token_id == offer.token_id) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const EvidenceKind held, EvidenceKindFromStored(last.evidence));
  // Images of one node may carry different reusable tokens. Anything else ends with an enrolment that came after it:
  // else a forgotten one takes the node over.
  if (offer.kind == EvidenceKind::kReusable && held == EvidenceKind::kReusable) return absl::OkStatus();
  if (StrengthOffered(offer.kind) >= StrengthHeld(held)) {
    return Denied(base::kTokenSuperseded,
                  absl::StrCat(statement.node, " enrolled at ", TimeText(last.admitted_at), ", after this ", offer.what,
                               " was made at ", TimeText(offer.created_at)),
                  TokenCreate(statement));
  }
  return Denied(base::kWeakerEvidence,
                absl::StrCat(statement.node, " enrolled at ", TimeText(last.admitted_at), " with evidence of the kind ",
                             EvidenceKindName(held), " after this ", offer.what, " (", EvidenceKindName(offer.kind),
                             ") was made at ", TimeText(offer.created_at), ", and never falls back to weaker evidence"),
                TokenCreate(statement));
}

absl::StatusOr<Verdict> Admitted(const store::Tables& tables, const evidence::Statement& statement, const Offer& offer,
                                 const std::optional<store::NodeRow>& node, absl::Time now) {
  SIGNET_RETURN_IF_ERROR(CheckStrength(tables, statement, offer, node));
  SIGNET_RETURN_IF_ERROR(CheckKeyIsFree(tables, statement));
  Verdict verdict;
  verdict.node = node;
  verdict.admission.new_identity = true;
  verdict.admission.evidence = std::string(EvidenceKindName(offer.kind));
  verdict.admission.token_id = offer.token_id;
  store::IdentityRow identity;
  identity.key_id = statement.key_id;
  identity.node = statement.node;
  identity.daemon = statement.daemon;
  identity.spki_der = statement.identity_spki_der;
  identity.evidence = static_cast<int>(offer.kind);
  identity.token_id = offer.token_id;
  identity.admitted_at = now;
  verdict.identity = std::move(identity);
  return verdict;
}

absl::StatusOr<Verdict> JudgeApproval(const store::Tables& tables, const evidence::Statement& statement,
                                      const store::ApprovalRow& approval, const std::optional<store::NodeRow>& node,
                                      absl::Time now, std::string& proven_key) {
  if (now >= approval.expires_at) {
    return Denied(
        base::kIdentityUnknown,
        absl::StrCat("the approval of identity key ", statement.key_id, " for ", statement.node, " expired at ",
                     TimeText(approval.expires_at), "; the server's clock says ", TimeText(now)),
        NodeApprove(statement));
  }
  proven_key = statement.key_id;
  const Offer offer{EvidenceKind::kApproval, "approval", approval.approved_at};
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, Admitted(tables, statement, offer, node, now));
  verdict.admission.approved_by = approval.approved_by;
  return verdict;
}

absl::StatusOr<store::TokenRow> VerifiedToken(const store::Tables& tables,
                                              const evidence::SignedStatement& signed_statement, absl::Time now,
                                              std::string& proven_key) {
  const evidence::Statement& statement = signed_statement.statement();
  SIGNET_ASSIGN_OR_RETURN(auto found, OptionalRow(tables.tokens().Find(statement.token_id)));
  if (!found.has_value()) {
    return Denied(base::kTokenUnknown,
                  absl::StrCat("no token of this cluster has the id that ", statement.node, " shows"),
                  TokenCreate(statement));
  }
  store::TokenRow token = *std::move(found);
  // First the signature: nobody learns anything about a token without holding it.
  SIGNET_ASSIGN_OR_RETURN(const x509::PublicKey key, x509::PublicKey::FromSpkiDer(token.spki_der));
  SIGNET_RETURN_IF_ERROR(signed_statement.VerifyToken(key));
  SIGNET_RETURN_IF_ERROR(CheckSubject(statement, "the token", token.node, token.daemon, TokenCreate(statement)));
  proven_key = token.id;
  if (token.revoked) {
    return Denied(base::kTokenRevoked, absl::StrCat("the token of ", token.node, " was revoked"),
                  TokenCreate(statement));
  }
  if (now >= token.expires_at) {
    return Denied(base::kTokenExpired,
                  absl::StrCat("the token of ", token.node, " expired at ", TimeText(token.expires_at),
                               "; the server's clock says ", TimeText(now)),
                  TokenCreate(statement));
  }
  return token;
}

absl::Status CheckUses(const store::Tables& tables, const evidence::Statement& statement, const store::TokenRow& token,
                       EvidenceKind kind, absl::Time now) {
  if (AdmitsOneKey(kind)) {
    if (token.uses == 0 || token.used_by_key_id == statement.key_id) return absl::OkStatus();
    return Denied(
        base::kTokenUsed,
        absl::StrCat("the token of ", token.node, " admits one identity key and already admitted another"),
        absl::StrCat(TokenCreate(statement), "   (or, for a stateless node: ", TokenCreate(statement), " --reusable)"));
  }
  SIGNET_ASSIGN_OR_RETURN(const int64_t fresh,
                          tables.nodes().CountIdentities(statement.node, statement.daemon, now - absl::Hours(1)));
  if (fresh < kMostNewKeysPerHour) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kResourceExhausted, base::kTooManyNewKeys,
                       absl::StrCat(statement.node, " (", statement.daemon, ") brought ", fresh,
                                    " new identity keys within an hour; the limit is ", kMostNewKeysPerHour),
                       absl::StrCat("signetctl node show ", statement.node));
}

absl::StatusOr<Verdict> JudgeToken(const store::Tables& tables, const evidence::SignedStatement& signed_statement,
                                   const std::optional<store::NodeRow>& node, absl::Time now, std::string& proven_key) {
  const evidence::Statement& statement = signed_statement.statement();
  SIGNET_ASSIGN_OR_RETURN(store::TokenRow token, VerifiedToken(tables, signed_statement, now, proven_key));
  SIGNET_ASSIGN_OR_RETURN(const EvidenceKind kind, EvidenceKindFromStored(token.kind));
  SIGNET_RETURN_IF_ERROR(CheckUses(tables, statement, token, kind, now));
  const Offer offer{kind, "token", token.created_at, token.id};
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, Admitted(tables, statement, offer, node, now));
  verdict.token = std::move(token);
  return verdict;
}

absl::Status CheckPod(const evidence::Statement& statement, const ReviewedPod& pod) {
  const std::string name = absl::StrCat("the pod ", pod.name_space, "/", pod.name);
  if (pod.uid.empty()) return Denied(base::kPodRefused, absl::StrCat(name, " has no UID"));
  // First what it grants: a controller's pod is no node at all.
  if (pod.grants != statement.daemon) {
    return Denied(base::kWrongDaemon,
                  absl::StrCat("the service account ", pod.service_account, " of ", name, " grants ", pod.grants,
                               ", not ", statement.daemon),
                  "list the pod's service account under kubernetes: in signetd.yaml");
  }
  if (pod.node != statement.node) {
    return Denied(base::kWrongNode, absl::StrCat(name, " is node ", pod.node, ", not ", statement.node),
                  absl::StrCat("kubectl -n ", pod.name_space, " get pod ", pod.name, " -o yaml"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Verdict> JudgePod(const store::Tables& tables, const evidence::Statement& statement,
                                 const ReviewedPod& pod, const std::optional<store::NodeRow>& node, absl::Time now,
                                 std::string& proven_key) {
  SIGNET_RETURN_IF_ERROR(CheckPod(statement, pod));
  // Its ServiceAccount token is visible on the controller: after the first key, it proves nothing any more.
  SIGNET_ASSIGN_OR_RETURN(const auto owned, OptionalRow(tables.nodes().FindIdentityOfPod(pod.uid)));
  if (owned.has_value()) {
    return Denied(base::kPodHasKey,
                  absl::StrCat("the pod ", pod.name_space, "/", pod.name, " enrolled at ", TimeText(owned->admitted_at),
                               " with another identity key, which stays its only one"),
                  absl::StrCat("kubectl -n ", pod.name_space, " delete pod ", pod.name,
                               "   (its successor enrols; keep the pod's state_dir on a volume of its own)"));
  }
  proven_key = pod.uid;
  const Offer offer{EvidenceKind::kKubernetes, "pod", pod.created_at};
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, Admitted(tables, statement, offer, node, now));
  verdict.identity->pod_uid = pod.uid;
  return verdict;
}

}  // namespace

absl::StatusOr<Verdict> JudgeNewKey(const store::Tables& tables, const Claim& claim,
                                    const std::optional<store::NodeRow>& node, absl::Time now,
                                    std::string& proven_key) {
  const evidence::Statement& statement = claim.statement();
  absl::StatusOr<Verdict> verdict =
      Denied(base::kIdentityUnknown,
             absl::StrCat("no enrolment of ", statement.node, " (", statement.daemon, ") admitted identity key ",
                          statement.key_id, ", and the request brings no token"),
             absl::StrCat(TokenCreate(statement), "   (or, if this key is the node's: ", NodeApprove(statement), ")"));
  SIGNET_ASSIGN_OR_RETURN(const auto approval, OptionalRow(tables.approvals().Find(statement.key_id)));
  if (approval.has_value()) {
    SIGNET_RETURN_IF_ERROR(
        CheckSubject(statement, "the approval", approval->node, approval->daemon, NodeApprove(statement)));
    verdict = JudgeApproval(tables, statement, *approval, node, now, proven_key);
  }
  // An approval that ran out does not stand in the way of a token that came since, nor a token in a pod's.
  const auto settled = [&verdict] { return verdict.ok() || absl::IsUnavailable(verdict.status()); };
  if (!settled() && claim.signed_statement().has_token()) {
    verdict = JudgeToken(tables, claim.signed_statement(), node, now, proven_key);
  }
  if (!settled() && claim.pod().has_value()) {
    verdict = JudgePod(tables, statement, *claim.pod(), node, now, proven_key);
  }
  return verdict;
}

}  // namespace signet::enrollment
