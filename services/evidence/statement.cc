#include "services/evidence/statement.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/statement_fields.h"
#include "services/evidence/strict_message.h"

namespace signet::evidence {
namespace {

constexpr absl::string_view kScriptTokenPrefix = "signet1.";
// A P-256 signature in DER: SEQUENCE of two INTEGERs of at most 33 bytes.
constexpr std::size_t kMaxSignatureBytes = 72;

absl::Status Invalid(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid, message);
}

// Empty fields are filled from the signer; others must agree with it.
absl::Status Settle(std::string& field, const std::string& value, absl::string_view name) {
  if (field.empty()) field = value;
  return field == value ? absl::OkStatus() : Malformed(name, "is not the signing key's");
}

std::string Text(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string Text(absl::Duration span) { return absl::FormatDuration(absl::Trunc(span, absl::Seconds(1))); }

}  // namespace

absl::StatusOr<std::string> Sign(const Statement& statement, const keys::Signer& identity, const keys::Signer* token) {
  Statement settled = statement;
  SIGNET_RETURN_IF_ERROR(Settle(settled.key_id, identity.public_key().key_id(), "key_id"));
  SIGNET_RETURN_IF_ERROR(Settle(settled.identity_spki_der, identity.public_key().spki_der(), "identity_public_key"));
  SIGNET_RETURN_IF_ERROR(
      Settle(settled.token_id, token == nullptr ? std::string() : token->public_key().key_id(), "token_id"));
  const v1::Statement message = ToMessage(settled);
  SIGNET_RETURN_IF_ERROR(CheckFields(message));
  v1::SignedStatement result;
  result.set_statement(message.SerializeAsString());
  SIGNET_ASSIGN_OR_RETURN(*result.mutable_identity_signature(),
                          keys::SignInDomain(identity, keys::kStatementDomain, result.statement()));
  if (token != nullptr) {
    SIGNET_ASSIGN_OR_RETURN(*result.mutable_token_signature(),
                            keys::SignInDomain(*token, keys::kStatementDomain, result.statement()));
  }
  return result.SerializeAsString();
}

absl::StatusOr<SignedStatement> SignedStatement::Parse(absl::string_view bytes) {
  if (bytes.empty() || bytes.size() > kMaxSignedStatementBytes) {
    return Malformed("signed statement", "must have 1 to 32768 bytes");
  }
  v1::SignedStatement outer;
  SIGNET_RETURN_IF_ERROR(ParseStrictly(bytes, "signed statement", outer));
  if (outer.identity_signature().empty() || outer.identity_signature().size() > kMaxSignatureBytes ||
      outer.token_signature().size() > kMaxSignatureBytes) {
    return Malformed("signed statement", "each signature must have at most 72 bytes, the identity's at least one");
  }
  v1::Statement message;
  SIGNET_RETURN_IF_ERROR(ParseStrictly(outer.statement(), "statement", message));
  SIGNET_RETURN_IF_ERROR(CheckFields(message));
  if (message.token_id().empty() != outer.token_signature().empty()) {
    return Invalid("statement: token_id and the token's signature must come together");
  }
  SIGNET_ASSIGN_OR_RETURN(x509::PublicKey key, x509::PublicKey::FromSpkiDer(message.identity_public_key()));
  if (key.type() != x509::KeyType::kEcP256 || key.spki_der() != message.identity_public_key()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                         "identity_public_key: must be a P-256 key");
  }
  Statement statement = FromMessage(message);
  if (statement.key_id != key.key_id()) return Invalid("statement: key_id is not the identity key's");
  if (!keys::VerifyInDomain(key, keys::kStatementDomain, outer.statement(), outer.identity_signature()).ok()) {
    return Invalid("statement: the identity key's signature does not hold");
  }
  return SignedStatement(std::move(statement), std::move(key), std::move(*outer.mutable_statement()),
                         std::move(*outer.mutable_token_signature()));
}

absl::Status SignedStatement::VerifyToken(const x509::PublicKey& token_key) const {
  if (!has_token()) return Invalid("statement: not signed by a token");
  if (statement_.token_id != token_key.key_id()) return Invalid("statement: token_id is not this token's");
  if (!keys::VerifyInDomain(token_key, keys::kStatementDomain, bytes_, token_signature_).ok()) {
    return Invalid("statement: the token's signature does not hold");
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const Statement& statement, absl::Time now) {
  const absl::Duration span = statement.expires_at - statement.issued_at;
  if (span <= absl::ZeroDuration() || span > kStatementLifetime) {
    return Malformed("statement", "must expire after it was issued and within seven days");
  }
  const std::string next = "compare `date -u` on the node and on the server, and chronyc tracking";
  if (statement.issued_at - now > kClockSkew) {
    return base::Refusal(
        absl::StatusCode::kUnauthenticated, base::kEvidenceFromFuture,
        absl::StrCat("statement: issued at ", Text(statement.issued_at), " by the node's clock, which is ",
                     Text(statement.issued_at - now), " ahead of the server's, ", Text(now)),
        next);
  }
  if (now > statement.expires_at) {
    return base::Refusal(
        absl::StatusCode::kUnauthenticated, base::kEvidenceExpired,
        absl::StrCat("statement: issued at ", Text(statement.issued_at), ", expired at ", Text(statement.expires_at),
                     " by the node's clock, ", Text(now - statement.expires_at), " before the server's, ", Text(now),
                     "; it is too old, or the node's clock is behind"),
        absl::StrCat(next, "; restart the daemon for a new statement"));
  }
  return absl::OkStatus();
}

std::string EncodeScriptToken(absl::string_view signed_statement) {
  return absl::StrCat(kScriptTokenPrefix, absl::WebSafeBase64Escape(signed_statement));
}

absl::StatusOr<std::string> DecodeScriptToken(absl::string_view text) {
  if (text.size() > 2 * kMaxSignedStatementBytes) return Malformed("script token", "longer than 64 KiB");
  absl::ConsumeSuffix(&text, "\n");
  if (!absl::ConsumePrefix(&text, kScriptTokenPrefix)) {
    return Malformed("script token", "does not begin with signet1., so it is not one that signet-slurm printed");
  }
  SIGNET_ASSIGN_OR_RETURN(std::string decoded, DecodeBase64Url(text, "script token"));
  if (decoded.empty()) return Malformed("script token", "holds nothing");
  return decoded;
}

}  // namespace signet::evidence
