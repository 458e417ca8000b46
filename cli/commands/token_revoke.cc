#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/pages.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::string nodes;
};

bool IsTokenId(absl::string_view id) {
  return id.size() == 32 && std::all_of(id.begin(), id.end(), absl::ascii_isxdigit);
}

// The open tokens that the request would revoke.
absl::StatusOr<v1::ListTokensResponse> Affected(Session& session, const v1::RevokeTokensRequest& request) {
  SIGNET_ASSIGN_OR_RETURN(v1::ListTokensResponse open,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, v1::ListTokensRequest()));
  const auto named = [](const auto& list, const std::string& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  v1::ListTokensResponse affected;
  for (v1::Token& token : *open.mutable_tokens()) {
    if (named(request.ids(), token.id()) || named(request.nodes(), token.node())) affected.add_tokens()->Swap(&token);
  }
  return affected;
}

absl::Status Revoke(Session& session, const Options& options) {
  if (options.ids.empty() == options.nodes.empty()) {
    return UsageError("name either token ids or --node HOSTLIST", "signetctl token list");
  }
  v1::RevokeTokensRequest request;
  for (const std::string& id : options.ids) {
    const std::string lower = absl::AsciiStrToLower(id);
    if (!IsTokenId(lower)) return UsageError("a token id is 32 hex digits", "signetctl token list -o name");
    request.add_ids(lower);
  }
  if (!options.nodes.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes, names::ExpandHostlist(options.nodes));
    for (const std::string& node : nodes) request.add_nodes(node);
    if (!session.options().yes && !session.options().dry_run) {
      return UsageError(
          absl::StrCat("this revokes every open token of ", nodes.size(), " nodes; confirm it with --yes"),
          absl::StrCat("signetctl token revoke --node '", options.nodes, "' --dry-run"));
    }
  }
  if (session.options().dry_run) {
    SIGNET_ASSIGN_OR_RETURN(const v1::ListTokensResponse affected, Affected(session, request));
    session.Note(absl::StrCat("dry run: ", affected.tokens_size(), " open tokens would be revoked"));
    return session.Print({.text = [&](bool wide) { return TokenRows(affected.tokens(), session.Now(), wide); },
                          .message = &affected,
                          .names = {}});
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::RevokeTokensResponse response,
                          session.Call(&v1::NodeEnrollment::Stub::RevokeTokens, request));
  return session.Print({.text = [&](bool) { return absl::StrCat(response.revoked(), " tokens revoked\n"); },
                        .message = &response,
                        .names = {}});
}

}  // namespace

Action DeclareTokenRevoke(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("id", options->ids, "token ids, as token list shows them");
  app.add_option("--node", options->nodes, "all open tokens of these nodes (a hostlist)");
  return [options](Session& session) { return Revoke(session, *options); };
}

}  // namespace signet::cli
