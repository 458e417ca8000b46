#include "services/evidence/token.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/strict_message.h"
#include "services/names/node_name.h"
#include "signet/v1/token_file.pb.h"

namespace signet::evidence {
namespace {

constexpr absl::string_view kPrefix = "signet-token1.";
constexpr absl::string_view kLabSalt = "signet/lab/v1";
constexpr std::size_t kPinBytes = 32;
constexpr std::size_t kMaxFileBytes = 4096;
constexpr std::size_t kMinLabHexDigits = 32;
constexpr std::size_t kMinLabCharacters = 22;  // of 64 kinds: 132 bits
constexpr std::size_t kMaxLabBytes = 4096;

struct NamedKind {
  TokenKind kind;
  absl::string_view name;
};
constexpr std::array<NamedKind, 4> kKinds = {{{TokenKind::kSingleUse, "single-use"},
                                              {TokenKind::kBoot, "boot"},
                                              {TokenKind::kReusable, "reusable"},
                                              {TokenKind::kLab, "lab"}}};

bool IsKnown(TokenKind kind) {
  return std::any_of(kKinds.begin(), kKinds.end(), [kind](const NamedKind& named) { return named.kind == kind; });
}

// The message with its scalar wiped when it goes.
struct SecretTokenFile {
  v1::TokenFile message;
  ~SecretTokenFile() { base::WipeString(*message.mutable_private_scalar()); }
};

absl::Status CheckShape(const Token& token) {
  SIGNET_RETURN_IF_ERROR(CheckCluster(token.cluster));
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(token.node));
  if (!names::IsNodeDaemon(token.daemon)) return Malformed("token daemon", "must be slurmd or sackd");
  if (!IsKnown(token.kind)) return Malformed("token kind", "must be one that this version knows");
  const bool no_pin = token.bundle_pin.empty() && token.kind == TokenKind::kLab;
  if (token.bundle_pin.size() != kPinBytes && !no_pin) {
    return Malformed("token bundle_pin", "must have 32 bytes; only a lab token may lack it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view TokenKindName(TokenKind kind) {
  for (const NamedKind& named : kKinds) {
    if (named.kind == kind) return named.name;
  }
  return "unknown";
}

absl::StatusOr<TokenKind> TokenKindFromName(absl::string_view name) {
  for (const NamedKind& named : kKinds) {
    if (named.name == name) return named.kind;
  }
  return Malformed("token kind", "must be single-use, boot, reusable or lab");
}

absl::StatusOr<base::SecretBytes> EncodeTokenFile(const Token& token) {
  SIGNET_RETURN_IF_ERROR(CheckShape(token));
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes scalar, token.key.ToP256Scalar());
  SecretTokenFile file;
  file.message.set_cluster(token.cluster);
  file.message.set_node(token.node);
  file.message.set_daemon(token.daemon);
  file.message.set_kind(static_cast<v1::TokenKind>(token.kind));
  file.message.set_id(absl::HexStringToBytes(token.id()));
  file.message.set_private_scalar(scalar.ExposeSecret().data(), scalar.size());
  file.message.set_bundle_pin(token.bundle_pin);
  std::string bytes = file.message.SerializeAsString();
  std::string text = absl::WebSafeBase64Escape(bytes);
  std::string line;
  line.reserve(kPrefix.size() + text.size() + 1);
  absl::StrAppend(&line, kPrefix, text, "\n");
  base::WipeString(bytes);
  base::WipeString(text);
  return base::SecretBytes::Take(line);
}

absl::StatusOr<Token> ParseTokenFile(const base::SecretBytes& text) {
  if (text.size() > kMaxFileBytes) return Malformed("token file", "larger than 4096 bytes");
  absl::string_view encoded = absl::StripAsciiWhitespace(text.ExposeSecret());
  if (!absl::ConsumePrefix(&encoded, kPrefix)) {
    return Malformed("token file", "does not begin with signet-token1.");
  }
  SIGNET_ASSIGN_OR_RETURN(std::string decoded, DecodeBase64Url(encoded, "token file"));
  const base::SecretBytes bytes = base::SecretBytes::Take(decoded);
  SecretTokenFile file;
  SIGNET_RETURN_IF_ERROR(ParseStrictly(bytes.ExposeSecret(), "token file", file.message));
  const v1::TokenFile& message = file.message;
  auto key = keys::PrivateKey::FromP256Scalar(base::SecretBytes(message.private_scalar()));
  if (!key.ok()) return Malformed("token file", "its private scalar is no P-256 key");
  Token token{message.cluster(), message.node(),      message.daemon(), static_cast<TokenKind>(message.kind()),
              *std::move(key),   message.bundle_pin()};
  SIGNET_RETURN_IF_ERROR(CheckShape(token));
  if (absl::HexStringToBytes(token.id()) != message.id()) return Malformed("token file", "its id is not its key's");
  return token;
}

bool LooksLikeTokenFile(absl::string_view text) {
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), kPrefix);
}

absl::StatusOr<keys::PrivateKey> DeriveLabKey(const base::SecretBytes& secret, absl::string_view cluster,
                                              absl::string_view node) {
  SIGNET_RETURN_IF_ERROR(CheckCluster(cluster));
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(node));
  const absl::string_view text = secret.ExposeSecret();
  // A line end that one side kept and the other cut would give two keys.
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (text.size() > kMaxLabBytes || !std::all_of(text.begin(), text.end(), visible)) {
    return Malformed("lab token", "must be at most 4096 visible ASCII characters, without its line end");
  }
  const auto hex = [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); };
  const bool all_hex = std::all_of(text.begin(), text.end(), hex);
  if (text.size() < (all_hex ? kMinLabHexDigits : kMinLabCharacters)) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kTokenWeak,
                         "lab token: must hold 128 bits, that is 32 hexadecimal digits or 22 other characters",
                         "openssl rand -hex 32");
  }
  return keys::PrivateKey::DeriveP256(secret, kLabSalt, absl::StrCat(cluster, absl::string_view("\0", 1), node));
}

}  // namespace signet::evidence
