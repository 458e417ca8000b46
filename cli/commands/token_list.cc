#include <memory>
#include <unordered_set>

#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/node_set.h"
#include "cli/pages.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string hostlist;
  std::string label;
  std::string kind;
  std::string state;
  bool all = false;
};

absl::Status List(Session& session, const Options& options) {
  v1::ListTokensRequest request;
  request.set_label(options.label);
  request.set_all(options.all || (!options.state.empty() && options.state != "open"));
  if (!options.kind.empty()) request.set_kind(KindFromText(options.kind));
  std::unordered_set<std::string> named;
  if (!options.hostlist.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes,
                            NodesOf(options.hostlist, "signetctl token list --nodes 'n[001-128]'"));
    if (nodes.size() == 1) request.set_node(nodes.front());
    named.insert(nodes.begin(), nodes.end());
  }
  SIGNET_ASSIGN_OR_RETURN(v1::ListTokensResponse all,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, request));
  v1::ListTokensResponse list;
  for (v1::Token& token : *all.mutable_tokens()) {
    const bool state = options.state.empty() || TokenState(token, session.Now()) == options.state;
    if (state && (named.empty() || named.count(token.node()) != 0)) list.add_tokens()->Swap(&token);
  }
  View view{
      .text = [&](bool wide) { return TokenRows(list.tokens(), session.Now(), wide); }, .message = &list, .names = {}};
  for (const v1::Token& token : list.tokens()) view.names.push_back(token.id());
  return session.Print(view);
}

}  // namespace

Action DeclareTokenList(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--nodes,--node", options->hostlist, "only tokens of these nodes (a hostlist)");
  app.add_option("--label", options->label, "only tokens that were registered with this label");
  app.add_option("--kind", options->kind, "only single-use, boot, reusable or lab tokens")
      ->check(CLI::IsMember({"single-use", "boot", "reusable", "lab"}));
  app.add_option("--state", options->state, "only open, used, expired or revoked ones [open]")
      ->check(CLI::IsMember({"open", "used", "expired", "revoked"}));
  app.add_flag("--all", options->all, "used, expired and revoked ones too");
  return [options](Session& session) { return List(session, *options); };
}

}  // namespace signet::cli
