#include <memory>

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

struct Options {
  std::string id;
  std::string subject;
  std::string reason;
};

constexpr char kWarning[] = "breaks every connection that still needs the stolen authority, at once";

// What Signet cannot do from here, in the order of the server's plan. Anchors before certificates, and slurmdbd first,
// as Slurm wants it: who is started again must find its peers on the new root. tests/rotation follows this to the
// letter.
constexpr char kRunbook[] =
    "\n"
    "# A daemon believes the thief until it has loaded the new bundle: Slurm reads no revocation list. Now, in this "
    "order:\n"
    "#  1. head node:          signetctl bundle write --dir /etc/slurm\n"
    "#  2. slurmdbd's host:    systemctl stop slurmdbd\n"
    "#                         signetctl service renew slurmdbd --now\n"
    "#                         systemctl start slurmdbd\n"
    "#  3. slurmctld's hosts:  systemctl stop slurmctld\n"
    "#                         signetctl service renew slurmctld --now\n"
    "#                         systemctl start slurmctld\n"
    "#     Stopped on all of them before it is started on one. Not scontrol reconfigure: that trusts the new root "
    "alone,\n"
    "#     and slurmctld still shows its old certificate.\n"
    "#  4. slurmrestd's host:  systemctl stop slurmrestd\n"
    "#                         signetctl service renew slurmrestd --now\n"
    "#                         systemctl start slurmrestd\n"
    "#  5. every other host:   signet-slurm refresh\n"
    "#     Where a host does not reach signetd, bring ca_cert.pem and signet-bundle by a way that the thief does not\n"
    "#     hold (ssh, the configuration management), by rename within the directory. Never through Slurm.\n"
    "#  6. nodes, login hosts: systemctl restart slurmd\n"
    "#                         systemctl restart sackd\n"
    "#     Started again, each sets its old certificate aside and enrols with its identity key: no new tokens.\n"
    "#  7. jobs that run:      scancel JOB\n"
    "#     Each that you cannot trust: a job step, or an srun, that began before trusts the old root until it ends.\n"
    "#  8. watch:              signetctl service renew\n"
    "#                         signetctl rotation status\n"
    "#                         signetctl node list\n"
    "# Hosts that keep the old bundle are open to the thief. docs/rotation.md has all of it.\n";

absl::Status Print(Session& session, const v1::ReplaceStolenAuthorityResponse& response) {
  const bool dry_run = session.options().dry_run;
  const auto text = [&](bool wide) {
    const std::string plan = PlanText(response.plan(), !dry_run, session.Now());
    const std::string gone =
        absl::StrCat("out of the trust bundle: ", absl::StrJoin(response.revoked_ids(), ", "), "\n");
    if (dry_run) return absl::StrCat(plan, gone, "# dry run: nothing was changed\n");
    google::protobuf::RepeatedPtrField<v1::Authority> rows;
    *rows.Add() = response.active();
    return absl::StrCat(AuthorityRows(rows, session.Now(), wide), "\n", plan, gone, kRunbook);
  };
  View view{.text = text, .message = &response, .names = {}};
  if (!response.active().id().empty()) view.names = {response.active().id()};
  return session.Print(view);
}

// The subject that a person typed, or gave with --subject and confirmed.
absl::StatusOr<std::string> Confirmed(Session& session, const Options& options, const std::string& subject) {
  if (!options.subject.empty()) {
    SIGNET_RETURN_IF_ERROR(session.Confirm(kWarning, "read docs/rotation.md, then add --yes"));
    return options.subject;
  }
  SIGNET_ASSIGN_OR_RETURN(
      std::string typed,
      session.Ask(absl::StrCat("This ", kWarning, ". Type the stolen authority's subject to go on:")));
  if (typed == subject) return typed;
  return absl::CancelledError(absl::StrCat("that is not its subject (", subject, "); nothing was changed"));
}

absl::Status Emergency(Session& session, const Options& options) {
  const std::string look = absl::StrCat("signetctl authority emergency ", options.id, " --reason TEXT --dry-run");
  SIGNET_RETURN_IF_ERROR(CheckReason("--reason", options.reason, look));
  const bool dry_run = session.options().dry_run;
  if (!dry_run && options.subject.empty() && !session.CanAsk()) {
    return UsageError("name the stolen authority's subject: --subject, and confirm with --yes", look);
  }
  if (!dry_run && !options.subject.empty()) SIGNET_RETURN_IF_ERROR(session.CheckCanConfirm(kWarning, look));
  SIGNET_ASSIGN_OR_RETURN(const v1::Authority stolen, FindAuthority(session, options.id));
  v1::ReplaceStolenAuthorityRequest request;
  request.set_authority_id(stolen.id());
  request.set_confirm_subject(options.subject.empty() ? stolen.subject() : options.subject);
  request.set_reason(options.reason);
  if (dry_run || !session.options().yes) {
    request.set_dry_run(true);
    SIGNET_ASSIGN_OR_RETURN(const v1::ReplaceStolenAuthorityResponse judged,
                            session.Call(&v1::CertAuthority::Stub::ReplaceStolenAuthority, request));
    if (dry_run) return Print(session, judged);
    request.set_dry_run(false);
    session.Note(absl::StrCat("this is about to happen:\n", PlanText(judged.plan(), false, session.Now())));
  }
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_confirm_subject(), Confirmed(session, options, stolen.subject()));
  SIGNET_ASSIGN_OR_RETURN(const v1::ReplaceStolenAuthorityResponse response,
                          session.Call(&v1::CertAuthority::Stub::ReplaceStolenAuthority, request));
  return Print(session, response);
}

}  // namespace

Action DeclareAuthorityEmergency(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "the stolen authority's id, or the first 8 digits of it or more")->required();
  app.add_option("--subject", options->subject, "its subject, as authority show prints it [asked on a terminal]");
  app.add_option("--reason", options->reason, "what happened, for the audit log, at most 200 bytes")->required();
  return [options](Session& session) { return Emergency(session, *options); };
}

}  // namespace signet::cli
