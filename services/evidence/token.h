// Tokens: a private key bound to one node, in a file.
#ifndef SIGNET_SERVICES_EVIDENCE_TOKEN_H_
#define SIGNET_SERVICES_EVIDENCE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/keys/private_key.h"

namespace signet::evidence {

enum class TokenKind { kSingleUse = 1, kBoot = 2, kReusable = 3, kLab = 4 };
// "single-use", "boot", "reusable", "lab".
absl::string_view TokenKindName(TokenKind kind);
absl::StatusOr<TokenKind> TokenKindFromName(absl::string_view name);

// What a token file holds.
struct Token {
  std::string cluster;
  std::string node;
  std::string daemon;
  TokenKind kind = TokenKind::kSingleUse;
  keys::PrivateKey key;
  std::string bundle_pin;  // SHA-256 of the bundle key's SPKI, raw; empty for a lab token
  std::string id() const { return key.public_key().key_id(); }
};

// "signet-token1." + base64url, one line with its newline.
absl::StatusOr<base::SecretBytes> EncodeTokenFile(const Token& token);
// Exact but for surrounding white space. INVALID_ARGUMENT / MALFORMED; the message never quotes the content.
absl::StatusOr<Token> ParseTokenFile(const base::SecretBytes& text);
// True when `text` begins like a token file of ours; a file that does not is a lab token.
bool LooksLikeTokenFile(absl::string_view text);

// The key of a token of Slurm's documented scripts. Both sides derive it: salt "signet/lab/v1", info cluster NUL node.
// `secret` is the token without its line end. INVALID_ARGUMENT / TOKEN_WEAK below 128 bits of hex (32 digits) or 22
// other characters.
absl::StatusOr<keys::PrivateKey> DeriveLabKey(const base::SecretBytes& secret, absl::string_view cluster,
                                              absl::string_view node);

}  // namespace signet::evidence

#endif  // SIGNET_SERVICES_EVIDENCE_TOKEN_H_
