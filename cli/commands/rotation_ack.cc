#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/authority_choice.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/host_set.h"
#include "cli/node_set.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string hostlist;
  std::string reason;
  std::string authority;
};

constexpr char kExample[] = "signetctl rotation ack 'login[01-04]' --reason 'restarted sackd on all four'";

// The one that is named, or the one that the next step of the rotation is about.
absl::StatusOr<std::string> AuthorityOf(Session& session, const Options& options) {
  if (!options.authority.empty()) return AuthorityIdOf(options.authority);
  SIGNET_ASSIGN_OR_RETURN(const v1::GetRotationStatusResponse status,
                          session.Call(&v1::CertAuthority::Stub::GetRotationStatus, v1::GetRotationStatusRequest()));
  if (!status.authority().id().empty()) return status.authority().id();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kNotFound,
                       "no rotation is under way: name the authority whose root the hosts have loaded, --authority ID",
                       "signetctl authority list");
}

absl::Status Acknowledge(Session& session, const Options& options) {
  SIGNET_RETURN_IF_ERROR(CheckReason("--reason", options.reason, kExample));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, HostsOf(options.hostlist, kExample));
  v1::AcknowledgeHostsRequest request;
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_authority_id(), AuthorityOf(session, options));
  request.set_reason(options.reason);
  v1::AcknowledgeHostsResponse all;
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would record that ", hosts.size(), " hosts have loaded the root of ",
                              request.authority_id()));
    return session.Print({.text = NoText, .message = &all, .names = hosts});
  }
  const auto add = [&all](const v1::AcknowledgeHostsResponse& part) {
    all.set_acknowledged(all.acknowledged() + part.acknowledged());
  };
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, &v1::CertAuthority::Stub::AcknowledgeHosts, request, hosts,
                                       &v1::AcknowledgeHostsRequest::mutable_hosts, "acknowledged", add));
  const auto text = [&](bool) {
    return absl::StrCat(all.acknowledged(), " of ", hosts.size(), " hosts newly acknowledged for authority ",
                        request.authority_id(), "\n# Next: signetctl rotation status\n");
  };
  return session.Print({.text = text, .message = &all, .names = hosts});
}

}  // namespace

Action DeclareRotationAck(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("hostlist", options->hostlist, "hosts that Signet cannot see, services by their names")->required();
  app.add_option("--reason", options->reason, "how you know, for the audit log, at most 200 bytes")->required();
  app.add_option("--authority", options->authority, "whose root they have loaded [the one of rotation status]");
  return [options](Session& session) { return Acknowledge(session, *options); };
}

}  // namespace signet::cli
