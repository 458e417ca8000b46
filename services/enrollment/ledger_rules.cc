#include "services/enrollment/ledger_rules.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/token.h"

namespace signet::enrollment {
namespace {

using evidence::TokenKind;

absl::Status Denied(absl::string_view reason, absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kPermissionDenied, reason, message, next);
}

std::string TokenCreate(absl::string_view node) { return absl::StrCat("signetctl token create ", node); }

absl::StatusOr<TokenKind> KindOf(int stored) {
  switch (stored) {
    case static_cast<int>(TokenKind::kSingleUse):
    case static_cast<int>(TokenKind::kBoot):
    case static_cast<int>(TokenKind::kReusable):
    case static_cast<int>(TokenKind::kLab):
      return static_cast<TokenKind>(stored);
    default:
      return base::Refusal(absl::StatusCode::kInternal, base::kInternal,
                           absl::StrCat("a stored token kind is ", stored));
  }
}

// "Never weaker" compares these (docs/life-of-a-request.md).
int Strength(TokenKind kind) {
  switch (kind) {
    case TokenKind::kBoot:
      return 4;
    case TokenKind::kSingleUse:
      return 3;
    case TokenKind::kReusable:
      return 2;
    case TokenKind::kLab:
      return 1;
  }
  return 0;
}

bool AdmitsOneKey(TokenKind kind) { return kind == TokenKind::kSingleUse || kind == TokenKind::kLab; }

// NOT_FOUND becomes nullopt; any other error stays one: a store that cannot answer admits nobody.
template <typename Row>
absl::StatusOr<std::optional<Row>> Optional(absl::StatusOr<Row> row) {
  if (row.ok()) return std::optional<Row>(*std::move(row));
  if (absl::IsNotFound(row.status())) return std::optional<Row>();
  return row.status();
}

absl::Status CheckSubject(const evidence::Statement& statement, absl::string_view whose, absl::string_view node,
                          absl::string_view daemon) {
  if (node != statement.node) {
    return Denied(base::kWrongNode, absl::StrCat(whose, " belongs to node ", node, ", not ", statement.node),
                  TokenCreate(statement.node));
  }
  if (daemon != statement.daemon) {
    return Denied(base::kWrongDaemon,
                  absl::StrCat(whose, " belongs to ", daemon, " on ", node, ", not ", statement.daemon),
                  absl::StrCat(TokenCreate(statement.node), " --daemon ", statement.daemon));
  }
  return absl::OkStatus();
}

absl::Status Superseded(const evidence::Statement& statement) {
  return Denied(base::kIdentitySuperseded,
                absl::StrCat("a newer enrolment of ", statement.node, " (", statement.daemon,
                             ") ended this identity key: two hosts share this name, or one is a clone"),
                absl::StrCat("signetctl node show ", statement.node));
}

absl::Status Regressed(const evidence::Statement& statement, absl::string_view how) {
  return Denied(
      base::kSequenceRegressed,
      absl::StrCat(how, " than the last one of ", statement.node, " (", statement.daemon, "): clone suspected"),
      absl::StrCat("signetctl node show ", statement.node));
}

// A key that another name's certificate carries is a key that another host holds.
absl::Status CheckKeyIsFree(const store::Tables& tables, const evidence::Statement& statement) {
  SIGNET_ASSIGN_OR_RETURN(const auto other, Optional(tables.certificates().FindBySpki(statement.csr_spki_sha256)));
  if (!other.has_value() || (other->profile == store::Profile::kNode && other->subject == statement.node)) {
    return absl::OkStatus();
  }
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                       "the CSR's key is already certified for another name; a TLS key is made for each request");
}

absl::StatusOr<Verdict> JudgeKnown(const store::Tables& tables, const evidence::Statement& statement,
                                   const store::IdentityRow& identity, const std::optional<store::NodeRow>& node) {
  if (identity.spki_der != statement.identity_spki_der) {
    return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid,
                         "the identity key is not the one that enrolled under this key id");
  }
  SIGNET_RETURN_IF_ERROR(CheckSubject(statement, "the identity key", identity.node, identity.daemon));
  if (identity.superseded_at != absl::InfiniteFuture()) return Superseded(statement);
  if (!node.has_value() || node->key_id != identity.key_id) return Superseded(statement);

  Verdict verdict;
  verdict.node = node;
  verdict.admission.evidence = "identity";
  verdict.admission.host_changed = !statement.machine_id_sha256.empty() && !node->machine_id_sha256.empty() &&
                                   statement.machine_id_sha256 != node->machine_id_sha256;
  if (statement.seq > node->seq) {
    SIGNET_RETURN_IF_ERROR(CheckKeyIsFree(tables, statement));
    return verdict;
  }
  // Slurm resends one CSR for as long as slurmctld is away, and whoever captured it may too: the answer is worth
  // nothing without the key.
  SIGNET_ASSIGN_OR_RETURN(auto answer, Optional(tables.certificates().FindAnswer(identity.key_id, statement.seq,
                                                                                 statement.csr_spki_sha256)));
  if (!answer.has_value()) {
    return Regressed(statement, statement.seq == node->seq ? "the request has the same sequence number but another key"
                                                           : "the request has a lower sequence number");
  }
  verdict.admission.repeat = true;
  verdict.admission.newest = statement.seq == node->seq;
  verdict.admission.answer = *std::move(answer);
  return verdict;
}

absl::StatusOr<store::TokenRow> VerifiedToken(const store::Tables& tables,
                                              const evidence::SignedStatement& signed_statement, absl::Time now) {
  const evidence::Statement& statement = signed_statement.statement();
  SIGNET_ASSIGN_OR_RETURN(auto found, Optional(tables.tokens().Find(statement.token_id)));
  if (!found.has_value()) {
    return Denied(base::kTokenUnknown,
                  absl::StrCat("no token of this cluster has the id that ", statement.node, " shows"),
                  TokenCreate(statement.node));
  }
  const store::TokenRow token = *std::move(found);
  // First the signature: nobody learns anything about a token without holding it.
  SIGNET_ASSIGN_OR_RETURN(const x509::PublicKey key, x509::PublicKey::FromSpkiDer(token.spki_der));
  SIGNET_RETURN_IF_ERROR(signed_statement.VerifyToken(key));
  SIGNET_RETURN_IF_ERROR(CheckSubject(statement, "the token", token.node, token.daemon));
  if (token.revoked) {
    return Denied(base::kTokenRevoked, absl::StrCat("the token of ", token.node, " was revoked"),
                  TokenCreate(token.node));
  }
  if (now >= token.expires_at) {
    return Denied(base::kTokenExpired,
                  absl::StrCat("the token of ", token.node, " expired at ",
                               absl::FormatTime(token.expires_at, absl::UTCTimeZone()), "; the server's clock says ",
                               absl::FormatTime(now, absl::UTCTimeZone())),
                  TokenCreate(token.node));
  }
  return token;
}

absl::Status CheckUses(const store::Tables& tables, const evidence::Statement& statement, const store::TokenRow& token,
                       TokenKind kind, absl::Time now) {
  if (AdmitsOneKey(kind)) {
    if (token.uses == 0 || token.used_by_key_id == statement.key_id) return absl::OkStatus();
    return Denied(base::kTokenUsed,
                  absl::StrCat("the token of ", token.node, " admits one identity key and already admitted another"),
                  absl::StrCat(TokenCreate(token.node), "   (or, for a stateless node: ", TokenCreate(token.node),
                               " --reusable)"));
  }
  SIGNET_ASSIGN_OR_RETURN(const int64_t fresh,
                          tables.nodes().CountIdentities(statement.node, statement.daemon, now - absl::Hours(1)));
  if (fresh < kMostNewKeysPerHour) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kResourceExhausted, base::kTooManyNewKeys,
                       absl::StrCat(statement.node, " (", statement.daemon, ") brought ", fresh,
                                    " new identity keys within an hour; the limit is ", kMostNewKeysPerHour),
                       absl::StrCat("signetctl node show ", statement.node));
}

// A node never falls back to less than what it enrolled with, unless an admin made the token after that.
absl::Status CheckStrength(const store::Tables& tables, const store::TokenRow& token, TokenKind kind,
                           const std::optional<store::NodeRow>& node) {
  if (!node.has_value() || node->key_id.empty()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const store::IdentityRow live, tables.nodes().FindIdentity(node->key_id));
  if (token.created_at > live.admitted_at || live.token_id == token.id) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const TokenKind held, KindOf(live.evidence));
  // Images of one node may carry different reusable tokens. Any other token ends with an enrolment that came after it:
  // else a forgotten one takes the node over.
  if (kind == TokenKind::kReusable && held == TokenKind::kReusable) return absl::OkStatus();
  if (Strength(kind) >= Strength(held)) {
    return Denied(base::kTokenSuperseded,
                  absl::StrCat(token.node, " enrolled with another token after this one was made"),
                  TokenCreate(token.node));
  }
  return Denied(base::kWeakerEvidence,
                absl::StrCat(token.node, " enrolled with a ", std::string(evidence::TokenKindName(held)),
                             " token after this ", std::string(evidence::TokenKindName(kind)),
                             " token was made, and never falls back to weaker evidence"),
                TokenCreate(token.node));
}

absl::StatusOr<Verdict> JudgeUnknown(const store::Tables& tables, const evidence::SignedStatement& signed_statement,
                                     const std::optional<store::NodeRow>& node, absl::Time now) {
  const evidence::Statement& statement = signed_statement.statement();
  if (!signed_statement.has_token()) {
    return Denied(base::kIdentityUnknown,
                  absl::StrCat("no enrolment of ", statement.node, " (", statement.daemon,
                               ") admitted this identity key, and the request brings no token"),
                  TokenCreate(statement.node));
  }
  SIGNET_ASSIGN_OR_RETURN(store::TokenRow token, VerifiedToken(tables, signed_statement, now));
  SIGNET_ASSIGN_OR_RETURN(const TokenKind kind, KindOf(token.kind));
  SIGNET_RETURN_IF_ERROR(CheckUses(tables, statement, token, kind, now));
  SIGNET_RETURN_IF_ERROR(CheckStrength(tables, token, kind, node));
  SIGNET_RETURN_IF_ERROR(CheckKeyIsFree(tables, statement));
  Verdict verdict;
  verdict.node = node;
  verdict.admission.new_identity = true;
  verdict.admission.evidence = std::string(evidence::TokenKindName(kind));
  verdict.admission.token_id = token.id;
  verdict.token = std::move(token);
  return verdict;
}

}  // namespace

absl::StatusOr<Verdict> JudgeByLedger(const store::Tables& tables, const evidence::SignedStatement& signed_statement,
                                      absl::Time now) {
  const evidence::Statement& statement = signed_statement.statement();
  SIGNET_ASSIGN_OR_RETURN(const auto identity, Optional(tables.nodes().FindIdentity(statement.key_id)));
  SIGNET_ASSIGN_OR_RETURN(const auto node, Optional(tables.nodes().Find(statement.node, statement.daemon)));
  SIGNET_ASSIGN_OR_RETURN(Verdict verdict, identity.has_value() ? JudgeKnown(tables, statement, *identity, node)
                                                                : JudgeUnknown(tables, signed_statement, node, now));
  // Last, so that only who proved to be this node learns that it is blocked; a token does not lift a block.
  SIGNET_ASSIGN_OR_RETURN(const auto block, Optional(tables.blocks().Find(statement.node)));
  if (block.has_value()) {
    return Denied(base::kNodeBlocked, absl::StrCat(statement.node, " is blocked"),
                  absl::StrCat("signetctl node show ", statement.node));
  }
  return verdict;
}

}  // namespace signet::enrollment
