#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string node;
  std::string key;
  std::string daemon = "slurmd";
  absl::Duration ttl = absl::ZeroDuration();
};

absl::Status Approve(Session& session, const Options& options) {
  v1::ApproveNodeRequest request;
  if (absl::Status name = names::CheckNodeName(options.node); !name.ok()) return UsageError(name.message());
  // A fingerprint is often read aloud or copied from a console in groups.
  const std::string key = absl::AsciiStrToLower(absl::StrReplaceAll(options.key, {{":", ""}, {" ", ""}}));
  if (key.size() != 32 || !std::all_of(key.begin(), key.end(), absl::ascii_isxdigit)) {
    return UsageError("--key is the identity key's id, 32 hex digits, as the node itself shows it",
                      "signet-slurm state show   # on the node, as the daemon's user");
  }
  request.set_node(options.node);
  request.set_daemon(options.daemon);
  request.set_key_id(key);
  request.set_ttl_seconds(absl::ToInt64Seconds(options.ttl));
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would admit identity key ", key, " for ", options.daemon, " on ", options.node,
                              " without a token, once"));
    return absl::OkStatus();
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::ApproveNodeResponse response,
                          session.Call(&v1::NodeEnrollment::Stub::ApproveNode, request));
  const v1::Approval& approval = response.approval();
  const auto text = [&](bool) {
    return absl::StrCat("identity key ", approval.key_id(), " is admitted for ", approval.daemon(), " on ",
                        approval.node(), ", once, until ", FullTime(FromProto(approval.expires_at()), session.Now()),
                        "\n# Next, on the node: systemctl restart ", approval.daemon(), "\n");
  };
  return session.Print({.text = text, .message = &approval, .names = {approval.key_id()}});
}

}  // namespace

Action DeclareNodeApprove(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("node", options->node, "the NodeName")->required();
  app.add_option("--key", options->key, "id of the identity key, 32 hex digits: compare it with the node's own words")
      ->required();
  app.add_option("--daemon", options->daemon, "slurmd or sackd")
      ->check(CLI::IsMember({"slurmd", "sackd"}))
      ->capture_default_str();
  AddDuration(app, "--ttl", &options->ttl, "how long the key may take to come [24h], at most 30d");
  return [options](Session& session) { return Approve(session, *options); };
}

}  // namespace signet::cli
