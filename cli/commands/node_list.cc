#include <memory>
#include <unordered_set>

#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/node_set.h"
#include "cli/pages.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string state;
  std::string hostlist;
};

absl::Status List(Session& session, const Options& options) {
  std::unordered_set<std::string> named;
  if (!options.hostlist.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes,
                            NodesOf(options.hostlist, "signetctl node list --nodes 'n[001-128]'"));
    named.insert(nodes.begin(), nodes.end());
  }
  SIGNET_ASSIGN_OR_RETURN(v1::ListNodesResponse ledger,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListNodes, v1::ListNodesRequest()));
  v1::ListNodesResponse list;
  for (v1::Node& node : *ledger.mutable_nodes()) {
    const bool state = options.state.empty() || NodeStates(node, session.Now()).count(options.state) != 0;
    if (state && (named.empty() || named.count(node.name()) != 0)) list.add_nodes()->Swap(&node);
  }
  View view{
      .text = [&](bool wide) { return NodeRows(list.nodes(), session.Now(), wide); }, .message = &list, .names = {}};
  // A node with two daemons is one node.
  for (const v1::Node& node : list.nodes()) {
    if (view.names.empty() || view.names.back() != node.name()) view.names.push_back(node.name());
  }
  return session.Print(view);
}

}  // namespace

Action DeclareNodeList(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--state", options->state,
                 "only those that are ok, blocked, expired, clone, superseded or foreign-bundle")
      ->check(CLI::IsMember({"ok", "blocked", "expired", "clone", "superseded", "foreign-bundle"}));
  app.add_option("--nodes", options->hostlist, "only these (a hostlist)");
  return [options](Session& session) { return List(session, *options); };
}

}  // namespace signet::cli
