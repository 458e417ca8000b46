// A statement that is accepted comes from its own key and holds only what its bounds allow; tokens that are accepted
// come back unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/evidence/statement.h"
#include "services/evidence/token.h"
#include "services/names/node_name.h"

namespace {

void CheckStatement(absl::string_view bytes) {
  const auto parsed = signet::evidence::SignedStatement::Parse(bytes);
  if (!parsed.ok()) return;
  const auto& statement = parsed->statement();
  if (parsed->identity_key().key_id() != statement.key_id || statement.csr_spki_sha256.size() != 32 ||
      statement.seq == 0 || parsed->has_token() == statement.token_id.empty() ||
      !signet::names::CheckNodeName(statement.node).ok() || !signet::names::IsNodeDaemon(statement.daemon)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  CheckStatement(input);
  const auto decoded = signet::evidence::DecodeScriptToken(input);
  if (decoded.ok()) {
    const std::string text = signet::evidence::EncodeScriptToken(*decoded);
    if (input != text && input != text + "\n") std::abort();
    CheckStatement(*decoded);
  }
  const auto token = signet::evidence::ParseTokenFile(signet::base::SecretBytes(input));
  if (token.ok() && !signet::evidence::EncodeTokenFile(*token).ok()) std::abort();
  return 0;
}
