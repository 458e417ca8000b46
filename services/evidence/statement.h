// Who asks, for which key: the signed statement inside the CSR (docs/formats.md, proto/signet/v1/statement.proto).
#ifndef SIGNET_SERVICES_EVIDENCE_STATEMENT_H_
#define SIGNET_SERVICES_EVIDENCE_STATEMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/keys/signer.h"
#include "services/x509/public_key.h"

namespace signet::evidence {

// A statement lives as long as Slurm may resend one CSR.
inline constexpr absl::Duration kStatementLifetime = absl::Hours(7 * 24);
// How far a node's clock may run ahead of the server's.
inline constexpr absl::Duration kClockSkew = absl::Minutes(5);

struct BundleSighting {
  uint64_t generation = 0;  // 0: not written by Signet
  std::string sha256;       // raw; empty: no file
};

// The fields, decoded. Key ids are lower-case hex here.
struct Statement {
  std::string key_id;
  std::string cluster;
  std::string node;
  std::string daemon;
  absl::Time issued_at;
  absl::Time expires_at;
  uint64_t seq = 0;
  std::string boot_id;
  std::string csr_spki_sha256;  // raw
  std::string identity_spki_der;
  std::string token_id;  // hex; empty without a token
  BundleSighting bundle_on_disk;
  BundleSighting bundle_loaded;
  bool loaded_seen_at_renewal = false;
  std::string adapter_version;
  std::string machine_id_sha256;  // raw; may be empty
  std::string kubernetes_token;   // a secret; empty unless that is the evidence
};

// Signs `statement` by the identity key and, when given, the token's key. Returns the serialized SignedStatement.
absl::StatusOr<std::string> Sign(const Statement& statement, const keys::Signer& identity, const keys::Signer* token);

// A statement whose shape is right and whose identity signature holds by the key inside it. That proves possession of
// that key and nothing about who it is: enrollment compares it with the ledger.
class SignedStatement {
 public:
  // Parses at most 32 KiB. Refuses (INVALID_ARGUMENT / MALFORMED or UNAUTHENTICATED / EVIDENCE_INVALID) a field out of
  // its bounds, a key id that is not the key's, an identity key that is not P-256, unknown fields, a bad identity
  // signature, or exactly one of token id and token signature.
  static absl::StatusOr<SignedStatement> Parse(absl::string_view bytes);

  const Statement& statement() const { return statement_; }
  const x509::PublicKey& identity_key() const { return identity_key_; }
  bool has_token() const { return !token_signature_.empty(); }
  // OK when the token's key signed this statement; UNAUTHENTICATED / EVIDENCE_INVALID.
  absl::Status VerifyToken(const x509::PublicKey& token_key) const;

 private:
  SignedStatement(Statement statement, x509::PublicKey identity_key, std::string bytes, std::string token_signature)
      : statement_(std::move(statement)),
        identity_key_(std::move(identity_key)),
        bytes_(std::move(bytes)),
        token_signature_(std::move(token_signature)) {}
  Statement statement_;
  x509::PublicKey identity_key_;
  std::string bytes_;  // as received: what the signatures cover
  std::string token_signature_;
};

// OK when `now` lies within [issued_at - kClockSkew, expires_at] and the span is at most kStatementLifetime.
// EVIDENCE_EXPIRED or EVIDENCE_FROM_FUTURE, naming both clocks and the difference.
absl::Status CheckTimes(const Statement& statement, absl::Time now);

// "signet1." + base64url without padding: what get_node_token prints and validate_node receives.
std::string EncodeScriptToken(absl::string_view signed_statement);
// Exact: no trimming but of one final newline. MALFORMED otherwise.
absl::StatusOr<std::string> DecodeScriptToken(absl::string_view text);

}  // namespace signet::evidence

#endif  // SIGNET_SERVICES_EVIDENCE_STATEMENT_H_
