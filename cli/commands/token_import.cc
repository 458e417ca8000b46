#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/lab_tokens.h"
#include "cli/token_registration.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string path;
  std::string daemon = "slurmd";
  absl::Duration ttl = absl::ZeroDuration();  // the server's default
};

absl::Status Import(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(LabTokens lab, ReadLabTokens(options.path));
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, AskForClusterPin(session, ""));
  const std::vector<v1::NewToken> tokens = DeriveLabTokens(lab, pin.cluster, {options.daemon, options.ttl});
  if (!lab.faults.empty()) {
    for (const std::string& fault : lab.faults) session.Note(fault);
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         absl::StrCat(lab.faults.size(), " faults; nothing was imported"),
                         absl::StrCat("correct them, then: signetctl token import ", options.path, " --dry-run"));
  }
  // Everything is judged before anything is registered: a list of several calls is not half imported for a fault in it.
  SIGNET_ASSIGN_OR_RETURN(Registration registration, RegisterTokens(session, tokens, /*dry_run=*/true));
  if (!session.options().dry_run) {
    std::size_t done = 0;
    absl::StatusOr<Registration> registered = RegisterTokens(session, tokens, /*dry_run=*/false, &done);
    if (!registered.ok()) {
      session.Note(
          absl::StrCat(done, " of ", tokens.size(), " are known to be registered; repeating the import is safe"));
      return registered.status();
    }
    registration = *std::move(registered);
  }
  v1::CreateTokensResponse all;
  all.set_cluster(registration.cluster);
  all.set_bundle_pin(registration.bundle_pin);
  View view;
  for (v1::Token& token : registration.tokens) {
    view.names.push_back(token.id());
    all.add_tokens()->Swap(&token);
  }
  session.Note(absl::StrCat(session.options().dry_run ? "dry run: would import " : "imported ", tokens.size(),
                            " lab tokens for cluster ", registration.cluster,
                            "; nodes need bundle_pin in signet-slurm.yaml"));
  view.message = &all;
  view.text = [&](bool wide) { return TokenRows(all.tokens(), session.Now(), wide); };
  return session.Print(view);
}

}  // namespace

Action DeclareTokenImport(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("path", options->path, "a list of \"name token\" lines, or a directory of {node}_token.txt")
      ->required();
  app.add_option("--daemon", options->daemon, "slurmd or sackd")
      ->check(CLI::IsMember({"slurmd", "sackd"}))
      ->capture_default_str();
  AddDuration(app, "--ttl", &options->ttl, "how long they can enrol [the server's default]");
  return [options](Session& session) { return Import(session, *options); };
}

}  // namespace signet::cli
