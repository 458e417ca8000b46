// authority activate, rollback, withdraw, revoke, destroy: one step each.
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/authority_choice.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Step {
  const char* name;
  v1::RotationVerb verb;
  const char* warning;  // what is asked about; empty: nothing is lost by it
  const char* next;     // what comes after it
};

constexpr Step kActivate = {
    "activate", v1::ROTATION_VERB_ACTIVATE, "",
    "# Nodes move at their renewals. Next, on each service's host: signetctl service renew --now\n"
    "# then: signetctl rotation status --wait\n"};
constexpr Step kRollback = {"rollback", v1::ROTATION_VERB_ROLLBACK, "",
                            "# Next, on each service's host: signetctl service renew --now\n"
                            "# then: signetctl rotation status\n"};
constexpr Step kWithdraw = {"withdraw", v1::ROTATION_VERB_WITHDRAW,
                            "takes a prepared authority, or a request for one, away for ever",
                            "# Next: signetctl bundle write --dir /etc/slurm && scontrol reconfigure\n"};
constexpr Step kRevoke = {"revoke", v1::ROTATION_VERB_REVOKE,
                          "takes an authority's root out of the trust bundle: whoever still needs it is lost",
                          "# Next: signetctl bundle write --dir /etc/slurm && scontrol reconfigure\n"
                          "# and, once no backup needs it: signetctl authority destroy ID\n"};
constexpr Step kDestroy = {"destroy", v1::ROTATION_VERB_DESTROY, "wipes an authority's key for ever", ""};

struct Options {
  std::string id;
  bool force = false;
  std::string reason;
};

absl::Status CheckForce(const Step& step, const Options& options) {
  const std::string example =
      absl::StrCat("signetctl authority ", step.name, " ", options.id, " --force --reason TEXT");
  if (!options.force && options.reason.empty()) return absl::OkStatus();
  if (!options.force) return UsageError("--reason is for --force: it says why a closed gate is opened", example);
  return CheckReason("--force needs a reason: --reason", options.reason, example);
}

absl::Status Closed(const Step& step, const v1::RotationPlan& plan) {
  std::vector<std::string> who;
  for (const v1::RotationBlocker& blocker : plan.blockers()) who.push_back(WhoBlocks(blocker));
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kGateClosed,
      absl::StrCat("the gate to ", step.name, " is closed by ", absl::StrJoin(who, ","), "; nothing was changed"),
      "signetctl rotation status");
}

std::string Text(Session& session, const v1::ChangeAuthorityResponse& response, const Step& step, bool wide) {
  const std::string plan = PlanText(response.plan(), response.changed(), session.Now());
  if (session.options().dry_run) return absl::StrCat(plan, "# dry run: nothing was changed\n");
  if (!response.has_authority()) return plan;  // a request: it is gone
  google::protobuf::RepeatedPtrField<v1::Authority> rows;
  *rows.Add() = response.authority();
  const std::string table = AuthorityRows(rows, session.Now(), wide);
  if (!response.changed()) return absl::StrCat(table, "# It stood so already: nothing was changed\n");
  return absl::StrCat(table, "\n", plan, step.next);
}

absl::Status Print(Session& session, const v1::ChangeAuthorityResponse& response, const Step& step) {
  View view{.text = [&](bool wide) { return Text(session, response, step, wide); }, .message = &response, .names = {}};
  if (!response.authority().id().empty()) view.names = {response.authority().id()};
  return session.Print(view);
}

// What the step would do, whether its gate is open or not. The plan of a closed gate comes with the refusal.
absl::StatusOr<v1::ChangeAuthorityResponse> Judge(Session& session, v1::ChangeAuthorityRequest request) {
  request.set_dry_run(true);
  absl::StatusOr<v1::ChangeAuthorityResponse> response =
      session.Call(&v1::CertAuthority::Stub::ChangeAuthority, request);
  if (response.ok()) return response;
  const std::optional<v1::RotationPlan> plan = PlanOf(response.status());
  if (!plan.has_value()) return response.status();
  v1::ChangeAuthorityResponse refused;
  *refused.mutable_plan() = *plan;
  return refused;
}

absl::Status Change(Session& session, const Step& step, const Options& options) {
  v1::ChangeAuthorityRequest request;
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_authority_id(), AuthorityIdOf(options.id));
  SIGNET_RETURN_IF_ERROR(CheckForce(step, options));
  request.set_verb(step.verb);
  request.set_force_reason(options.reason);
  const bool dry_run = session.options().dry_run;
  const char* warning = options.force && *step.warning == '\0' ? "opens a closed gate by force" : step.warning;
  const bool asks = *warning != '\0' && !dry_run;
  const std::string look = absl::StrCat("signetctl authority ", step.name, " ", options.id, " --dry-run");
  if (asks) SIGNET_RETURN_IF_ERROR(session.CheckCanConfirm(warning, look));
  if (dry_run || (asks && !session.options().yes)) {
    SIGNET_ASSIGN_OR_RETURN(const v1::ChangeAuthorityResponse judged, Judge(session, request));
    const bool open = judged.plan().blockers().empty() || options.force;
    if (dry_run) {
      SIGNET_RETURN_IF_ERROR(Print(session, judged, step));
      return open ? absl::OkStatus() : Closed(step, judged.plan());
    }
    session.Note(absl::StrCat("this is about to happen:\n", PlanText(judged.plan(), false, session.Now())));
    if (!open) return Closed(step, judged.plan());
    SIGNET_RETURN_IF_ERROR(session.Confirm(warning, look));
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::ChangeAuthorityResponse response,
                          session.Call(&v1::CertAuthority::Stub::ChangeAuthority, request));
  return Print(session, response, step);
}

Action Declare(CLI::App& app, const Step& step) {
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "the authority's id, or the first 8 digits of it or more")->required();
  app.add_flag("--force", options->force, "go through a closed gate: who stands in its way is lost");
  app.add_option("--reason", options->reason, "why, for the audit log, at most 200 bytes; with --force only");
  return [options, &step](Session& session) { return Change(session, step, *options); };
}

}  // namespace

Action DeclareAuthorityActivate(CLI::App& app) { return Declare(app, kActivate); }
Action DeclareAuthorityRollback(CLI::App& app) { return Declare(app, kRollback); }
Action DeclareAuthorityWithdraw(CLI::App& app) { return Declare(app, kWithdraw); }
Action DeclareAuthorityRevoke(CLI::App& app) { return Declare(app, kRevoke); }
Action DeclareAuthorityDestroy(CLI::App& app) { return Declare(app, kDestroy); }

}  // namespace signet::cli
