#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string subject;
  absl::Duration lifetime = absl::ZeroDuration();  // the configuration's
};

constexpr char kNext[] =
    "# It signs nothing yet. Next: signetctl bundle write --dir /etc/slurm && scontrol reconfigure\n"
    "# then, until every host has loaded it: signetctl rotation status --wait\n";

absl::Status Prepare(Session& session, const Options& options) {
  v1::PrepareAuthorityRequest request;
  request.set_subject(options.subject);
  request.set_lifetime_seconds(absl::ToInt64Seconds(options.lifetime));
  request.set_dry_run(session.options().dry_run);
  SIGNET_ASSIGN_OR_RETURN(const v1::PrepareAuthorityResponse response,
                          session.Call(&v1::CertAuthority::Stub::PrepareAuthority, request));
  const auto text = [&](bool wide) {
    const bool done = response.has_authority();
    const std::string plan = PlanText(response.plan(), done, session.Now());
    if (!done) return absl::StrCat(plan, "# dry run: nothing was changed\n");
    google::protobuf::RepeatedPtrField<v1::Authority> rows;
    *rows.Add() = response.authority();
    return absl::StrCat(AuthorityRows(rows, session.Now(), wide), "\n", plan, kNext);
  };
  View view{.text = text, .message = &response, .names = {}};
  if (response.has_authority()) view.names = {response.authority().id()};
  return session.Print(view);
}

}  // namespace

Action DeclareAuthorityPrepare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--subject", options->subject,
                 "RFC 4514, of no other authority [the active one's with a number behind its CN]");
  AddDuration(app, "--lifetime", &options->lifetime, "how long the root lives [authority.lifetime of signetd.yaml]");
  return [options](Session& session) { return Prepare(session, *options); };
}

}  // namespace signet::cli
