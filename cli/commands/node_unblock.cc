#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/node_set.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

absl::Status Unblock(Session& session, const std::string& hostlist) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes,
                          NodesOf(hostlist, "signetctl node unblock 'n[017-020]'"));
  const std::string short_list = names::CompressHostlist(nodes);
  v1::UnblockNodesResponse all;
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would lift the blocks of ", short_list));
    return session.Print({.text = NoText, .message = &all, .names = nodes});
  }
  const auto add = [&all](const v1::UnblockNodesResponse& part) {
    all.set_unblocked(all.unblocked() + part.unblocked());
  };
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, &v1::NodeEnrollment::Stub::UnblockNodes, v1::UnblockNodesRequest(),
                                       nodes, &v1::UnblockNodesRequest::mutable_nodes, "unblocked", add));
  const auto text = [&](bool) {
    return absl::StrCat(short_list, ": ", all.unblocked(), " blocks lifted\n",
                        "# What the block ended stays ended. Next: signetctl token create '", short_list,
                        "' --out-dir DIR\n");
  };
  return session.Print({.text = text, .message = &all, .names = nodes});
}

}  // namespace

Action DeclareNodeUnblock(CLI::App& app) {
  auto hostlist = std::make_shared<std::string>();
  app.add_option("hostlist", *hostlist, "nodes, such as n[017-020]")->required();
  return [hostlist](Session& session) { return Unblock(session, *hostlist); };
}

}  // namespace signet::cli
