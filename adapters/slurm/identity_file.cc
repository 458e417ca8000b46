#include "adapters/slurm/identity_file.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/status_macros.h"

namespace signet::slurm {
namespace {

constexpr char kTokenLine[] = "token: ";
constexpr char kNoToken[] = "none";
constexpr char kEndLine[] = "-----END PRIVATE KEY-----\n";

}  // namespace

absl::StatusOr<base::SecretBytes> EncodeIdentities(const std::vector<Identity>& identities) {
  std::vector<base::SecretBytes> pems;
  std::size_t size = 0;
  for (const Identity& identity : identities) {
    SIGNET_ASSIGN_OR_RETURN(base::SecretBytes pem, identity.key.ToPem());
    size += pem.size() + identity.token_id.size() + 32;
    pems.push_back(std::move(pem));
  }
  std::string file;
  // Growing would leave copies of the keys behind.
  file.reserve(size);
  for (std::size_t i = 0; i < identities.size(); ++i) {
    const std::string& token = identities[i].token_id;
    file.append(kTokenLine).append(token.empty() ? kNoToken : token).append("\n");
    file.append(pems[i].ExposeSecret().data(), pems[i].size());
  }
  return base::SecretBytes::Take(file);
}

absl::StatusOr<std::vector<Identity>> ParseIdentities(const base::SecretBytes& file) {
  std::vector<Identity> identities;
  absl::string_view rest = file.ExposeSecret();
  do {
    std::string token_id;
    if (absl::ConsumePrefix(&rest, kTokenLine)) {
      const std::size_t line_end = rest.find('\n');
      if (line_end == absl::string_view::npos)
        return absl::InvalidArgumentError("identity file: a line without its end");
      token_id = std::string(rest.substr(0, line_end));
      if (token_id == kNoToken) token_id.clear();
      rest.remove_prefix(line_end + 1);
    }
    const std::size_t end = rest.find(kEndLine);
    if (end == absl::string_view::npos) return absl::InvalidArgumentError("identity file: a key without its end");
    const std::size_t size = end + sizeof(kEndLine) - 1;
    SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey key, keys::PrivateKey::FromPem(base::SecretBytes(rest.substr(0, size))));
    rest.remove_prefix(size);
    identities.push_back({std::move(key), std::move(token_id)});
  } while (!rest.empty() && identities.size() < kMostIdentities);
  if (!rest.empty()) return absl::InvalidArgumentError("identity file: more than two keys");
  return identities;
}

}  // namespace signet::slurm
