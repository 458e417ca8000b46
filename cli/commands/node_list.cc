#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

std::string StateOf(const v1::Node& node, absl::Time now) {
  if (node.blocked()) return "blocked";
  if (FromProto(node.not_after()) <= now) return "lost";
  return "ok";
}

std::string Rows(const v1::ListNodesResponse& list, absl::Time now, bool wide) {
  std::vector<std::string> header = {"NODE",         "DAEMON",   "STATE", "CERTIFICATE ENDS",
                                     "LAST REQUEST", "EVIDENCE", "BUNDLE"};
  if (wide) header.insert(header.end(), {"IDENTITY KEY", "SERIAL", "ENROLLED", "ADAPTER", "OLD KEYS"});
  Table table(std::move(header));
  for (const v1::Node& node : list.nodes()) {
    std::vector<std::string> row = {
        node.name(),
        node.daemon(),
        StateOf(node, now),
        RelativeTime(FromProto(node.not_after()), now),
        RelativeTime(FromProto(node.last_request_at()), now),
        EvidenceText(node.evidence()),
        node.bundle_on_disk().generation() == 0 ? "" : absl::StrCat(node.bundle_on_disk().generation())};
    if (wide) {
      row.insert(row.end(), {node.key_id(), node.serial(), RelativeTime(FromProto(node.enrolled_at()), now),
                             node.adapter_version(), absl::StrCat(node.superseded_keys())});
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

}  // namespace

Action DeclareNodeList(CLI::App&) {
  return [](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::ListNodesResponse list,
                            AllPages(session, &v1::NodeEnrollment::Stub::ListNodes, v1::ListNodesRequest()));
    View view{.text = [&](bool wide) { return Rows(list, session.Now(), wide); }, .message = &list, .names = {}};
    // A node with two daemons is one node.
    for (const v1::Node& node : list.nodes()) {
      if (view.names.empty() || view.names.back() != node.name()) view.names.push_back(node.name());
    }
    return session.Print(view);
  };
}

}  // namespace signet::cli
