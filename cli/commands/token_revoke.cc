#include <memory>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/node_set.h"
#include "cli/pages.h"
#include "cli/token_id.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::string hostlist;
  std::string label;
};

// What is named, of one sort.
struct Named {
  std::vector<std::string> ids;
  std::vector<std::string> nodes;
  std::string label;
};

absl::StatusOr<Named> Resolve(const Options& options) {
  Named named;
  if (!options.ids.empty() + !options.hostlist.empty() + !options.label.empty() != 1) {
    return UsageError("name token ids, or --nodes HOSTLIST, or --label LABEL", "signetctl token list");
  }
  for (const std::string& id : options.ids) {
    SIGNET_ASSIGN_OR_RETURN(named.ids.emplace_back(), TokenIdOf(id));
  }
  if (!options.hostlist.empty()) {
    SIGNET_ASSIGN_OR_RETURN(named.nodes,
                            NodesOf(options.hostlist, "signetctl token revoke --nodes 'n[001-004]' --dry-run"));
  }
  named.label = options.label;
  return named;
}

// The open tokens that the request would revoke.
absl::Status PrintAffected(Session& session, const Named& named) {
  v1::ListTokensRequest request;
  request.set_label(named.label);
  SIGNET_ASSIGN_OR_RETURN(v1::ListTokensResponse open,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, request));
  const std::unordered_set<std::string> ids(named.ids.begin(), named.ids.end());
  const std::unordered_set<std::string> nodes(named.nodes.begin(), named.nodes.end());
  v1::ListTokensResponse affected;
  for (v1::Token& token : *open.mutable_tokens()) {
    const bool chosen = !named.label.empty() || ids.count(token.id()) != 0 || nodes.count(token.node()) != 0;
    if (chosen) affected.add_tokens()->Swap(&token);
  }
  session.Note(absl::StrCat("dry run: ", affected.tokens_size(), " open tokens would be revoked"));
  return session.Print({.text = [&](bool wide) { return TokenRows(affected.tokens(), session.Now(), wide); },
                        .message = &affected,
                        .names = {}});
}

absl::Status Revoke(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const Named named, Resolve(options));
  if (session.options().dry_run) return PrintAffected(session, named);
  if (named.ids.empty() && !session.options().yes) {
    const std::string which =
        named.label.empty() ? absl::StrCat("--nodes '", options.hostlist, "'") : absl::StrCat("--label ", named.label);
    return UsageError(absl::StrCat("this revokes every open token of ",
                                   named.label.empty() ? absl::StrCat(named.nodes.size(), " nodes") : "that label",
                                   "; confirm it with --yes"),
                      absl::StrCat("signetctl token revoke ", which, " --dry-run"));
  }
  v1::RevokeTokensResponse all;
  const auto add = [&all](const v1::RevokeTokensResponse& part) { all.set_revoked(all.revoked() + part.revoked()); };
  const auto revoke = &v1::NodeEnrollment::Stub::RevokeTokens;
  const v1::RevokeTokensRequest empty;
  SIGNET_RETURN_IF_ERROR(
      CallInBatches(session, revoke, empty, named.ids, &v1::RevokeTokensRequest::mutable_ids, "revoked", add));
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, revoke, empty, named.nodes, &v1::RevokeTokensRequest::mutable_nodes,
                                       "nodes without open tokens", add));
  if (!named.label.empty()) {
    v1::RevokeTokensRequest request;
    request.set_label(named.label);
    SIGNET_ASSIGN_OR_RETURN(const v1::RevokeTokensResponse response, session.Call(revoke, request));
    add(response);
  }
  return session.Print(
      {.text = [&](bool) { return absl::StrCat(all.revoked(), " tokens revoked\n"); }, .message = &all, .names = {}});
}

}  // namespace

Action DeclareTokenRevoke(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("id", options->ids, "token ids, as token list shows them");
  app.add_option("--nodes,--node", options->hostlist, "all open tokens of these nodes (a hostlist of any size)");
  app.add_option("--label", options->label, "all open tokens that were registered with this label");
  return [options](Session& session) { return Revoke(session, *options); };
}

}  // namespace signet::cli
