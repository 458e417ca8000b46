#include "adapters/slurm/token_search.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/token.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

absl::Status NotForUs(absl::string_view what, absl::string_view theirs, absl::string_view ours) {
  return absl::FailedPreconditionError(absl::StrCat("for ", what, " ", theirs, ", not ", ours));
}

absl::StatusOr<FoundToken> LabToken(const std::string& path, const base::SecretBytes& text, const Config& config,
                                    absl::string_view node) {
  if (config.cluster.empty())
    return absl::FailedPreconditionError("a token of Slurm's documented scripts needs `cluster` in signet-slurm.yaml");
  const base::SecretBytes secret(absl::StripTrailingAsciiWhitespace(text.ExposeSecret()));
  SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey key, evidence::DeriveLabKey(secret, config.cluster, node));
  return FoundToken{path, key.public_key().key_id(), config.cluster, "", key};
}

absl::StatusOr<FoundToken> ReadToken(const std::string& path, const Config& config, absl::string_view node,
                                     absl::string_view daemon) {
  // Kubernetes mounts secrets behind symbolic links; sackd's user may hold the file by its group.
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes text,
                          files::ReadSecret(path, {.allow_group_read = true, .allow_symlink = true}));
  if (absl::StripAsciiWhitespace(text.ExposeSecret()).empty()) return absl::FailedPreconditionError("empty file");
  if (!evidence::LooksLikeTokenFile(text.ExposeSecret())) return LabToken(path, text, config, node);
  SIGNET_ASSIGN_OR_RETURN(evidence::Token token, evidence::ParseTokenFile(text));
  if (token.node != node) return NotForUs("node", token.node, node);
  if (token.daemon != daemon) return NotForUs("daemon", token.daemon, daemon);
  if (!config.cluster.empty() && token.cluster != config.cluster)
    return NotForUs("cluster", token.cluster, config.cluster);
  return FoundToken{path, token.id(), token.cluster, token.bundle_pin, token.key};
}

}  // namespace

TokenSearch FindToken(const Config& config, absl::string_view node, absl::string_view daemon) {
  TokenSearch search;
  for (const std::string& pattern : config.token_files) {
    const std::string path = absl::StrReplaceAll(pattern, {{"{node}", node}});
    absl::StatusOr<FoundToken> token = ReadToken(path, config, node, daemon);
    if (token.ok()) {
      search.token = *std::move(token);
      return search;
    }
    std::string why = absl::IsNotFound(token.status()) ? "no such file" : std::string(token.status().message());
    if (const std::string next = base::NextOf(token.status()); !next.empty()) absl::StrAppend(&why, " (", next, ")");
    search.refused.push_back(absl::StrCat(path, ": ", why));
  }
  return search;
}

}  // namespace signet::slurm
