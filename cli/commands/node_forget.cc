#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/ending.h"
#include "cli/failure.h"
#include "cli/node_set.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

absl::Status Forget(Session& session, const std::string& hostlist) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes,
                          NodesOf(hostlist, "signetctl node forget 'n[017-020]' --dry-run"));
  if (session.options().dry_run) return PrintWhatWouldEnd(session, "forget", nodes);
  const std::string short_list = names::CompressHostlist(nodes);
  if (nodes.size() > 1 && !session.options().yes) {
    return UsageError(
        absl::StrCat("this ends the identity keys and tokens of ", nodes.size(), " nodes; confirm it with --yes"),
        absl::StrCat("signetctl node forget '", short_list, "' --dry-run"));
  }
  v1::ForgetNodesResponse all;
  const auto add = [&all](const v1::ForgetNodesResponse& part) {
    all.set_forgotten(all.forgotten() + part.forgotten());
    all.set_identities_ended(all.identities_ended() + part.identities_ended());
    all.set_tokens_revoked(all.tokens_revoked() + part.tokens_revoked());
    all.set_reports_dropped(all.reports_dropped() + part.reports_dropped());
  };
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, &v1::NodeEnrollment::Stub::ForgetNodes, v1::ForgetNodesRequest(), nodes,
                                       &v1::ForgetNodesRequest::mutable_nodes, "forgotten", add));
  const auto text = [&](bool) {
    return absl::StrCat(short_list, ": ", all.forgotten(), " daemons forgotten; ", all.identities_ended(),
                        " identity keys ended, ", all.tokens_revoked(), " tokens revoked, ", all.reports_dropped(),
                        " reports dropped\n",
                        "# Certificates that they hold stay valid until they end: Slurm asks for no revocation.\n");
  };
  return session.Print({.text = text, .message = &all, .names = nodes});
}

}  // namespace

Action DeclareNodeForget(CLI::App& app) {
  auto hostlist = std::make_shared<std::string>();
  app.add_option("hostlist", *hostlist, "nodes, such as n[017-020]")->required();
  return [hostlist](Session& session) { return Forget(session, *hostlist); };
}

}  // namespace signet::cli
