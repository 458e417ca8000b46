#include "cli/commands/ending.h"

#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "cli/commands/rows.h"
#include "cli/pages.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {

absl::Status PrintWhatWouldEnd(Session& session, absl::string_view verb, const std::vector<std::string>& nodes) {
  const std::unordered_set<std::string> named(nodes.begin(), nodes.end());
  SIGNET_ASSIGN_OR_RETURN(v1::ListNodesResponse ledger,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListNodes, v1::ListNodesRequest()));
  SIGNET_ASSIGN_OR_RETURN(v1::ListTokensResponse tokens,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, v1::ListTokensRequest()));
  v1::ListNodesResponse affected;
  for (v1::Node& node : *ledger.mutable_nodes()) {
    if (named.count(node.name()) != 0) affected.add_nodes()->Swap(&node);
  }
  int open = 0;
  for (const v1::Token& token : tokens.tokens()) open += static_cast<int>(named.count(token.node()));
  session.Note(absl::StrCat("dry run: would ", verb, " ", names::CompressHostlist(nodes), ": ", affected.nodes_size(),
                            " daemons are in the ledger, ", open, " tokens are open"));
  return session.Print({.text = [&](bool wide) { return NodeRows(affected.nodes(), session.Now(), wide); },
                        .message = &affected,
                        .names = nodes});
}

}  // namespace signet::cli
