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

constexpr std::size_t kLongestReason = 200;

struct Options {
  std::string hostlist;
  std::string reason;
};

absl::Status Block(Session& session, const Options& options) {
  if (options.reason.empty() || options.reason.size() > kLongestReason) {
    return UsageError(absl::StrCat("--reason must have 1 to ", kLongestReason,
                                   " bytes: whoever reads it later wants to "
                                   "know"),
                      "signetctl node block n017 --reason 'disk left the building'");
  }
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> nodes,
                          NodesOf(options.hostlist, "signetctl node block 'n[017-020]' --reason TEXT"));
  if (session.options().dry_run) return PrintWhatWouldEnd(session, "block", nodes);
  v1::BlockNodesRequest request;
  request.set_reason(options.reason);
  v1::BlockNodesResponse all;
  const auto add = [&all](const v1::BlockNodesResponse& part) {
    all.set_blocked(all.blocked() + part.blocked());
    all.set_identities_ended(all.identities_ended() + part.identities_ended());
    all.set_tokens_revoked(all.tokens_revoked() + part.tokens_revoked());
  };
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, &v1::NodeEnrollment::Stub::BlockNodes, request, nodes,
                                       &v1::BlockNodesRequest::mutable_nodes, "blocked", add));
  const auto text = [&](bool) {
    return absl::StrCat(names::CompressHostlist(nodes), ": ", all.blocked(), " newly blocked; ", all.identities_ended(),
                        " identity keys ended, ", all.tokens_revoked(), " tokens revoked\n",
                        "# Certificates that they hold stay valid until they end: Slurm asks for no revocation.\n",
                        "# Back again: signetctl node unblock HOSTLIST, then a new token for each.\n");
  };
  return session.Print({.text = text, .message = &all, .names = nodes});
}

}  // namespace

Action DeclareNodeBlock(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("hostlist", options->hostlist, "nodes, such as n[017-020]")->required();
  app.add_option("--reason", options->reason, "shown to whoever asks why, at most 200 bytes")->required();
  return [options](Session& session) { return Block(session, *options); };
}

}  // namespace signet::cli
