// The table of commands: parsing, help and completion are made from it.
#ifndef SIGNET_CLI_COMMANDS_COMMAND_H_
#define SIGNET_CLI_COMMANDS_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/session.h"

namespace signet::cli {

// What a command does once its arguments are known.
using Action = std::function<absl::Status(Session&)>;

// One command.
struct Command {
  const char* group;    // "token"; empty for a command of its own
  const char* name;     // "create"
  const char* summary;  // one line
  const char* example;  // shown by --help
  // Adds the command's own options to `app`; what it returns runs after parsing.
  Action (*declare)(CLI::App& app);
};

const std::vector<Command>& Commands();

// An option that takes "90d", "12h", "30s"; a usage error names the units.
void AddDuration(CLI::App& app, const std::string& name, absl::Duration* target, const std::string& help);

Action DeclareStatus(CLI::App& app);
Action DeclareTokenCreate(CLI::App& app);
Action DeclareTokenImport(CLI::App& app);
Action DeclareTokenList(CLI::App& app);
Action DeclareTokenShow(CLI::App& app);
Action DeclareTokenRevoke(CLI::App& app);
Action DeclareNodeList(CLI::App& app);
Action DeclareNodeShow(CLI::App& app);
Action DeclareNodeExplain(CLI::App& app);
Action DeclareNodeApprove(CLI::App& app);
Action DeclareNodeBlock(CLI::App& app);
Action DeclareNodeUnblock(CLI::App& app);
Action DeclareNodeForget(CLI::App& app);
Action DeclareCertList(CLI::App& app);
Action DeclareCertShow(CLI::App& app);
Action DeclareAuthorityList(CLI::App& app);
Action DeclareAuthorityCreate(CLI::App& app);
Action DeclareAuthorityImport(CLI::App& app);
Action DeclareAuthorityShow(CLI::App& app);
Action DeclareAuthorityPrepare(CLI::App& app);
Action DeclareAuthorityActivate(CLI::App& app);
Action DeclareAuthorityRollback(CLI::App& app);
Action DeclareAuthorityWithdraw(CLI::App& app);
Action DeclareAuthorityRevoke(CLI::App& app);
Action DeclareAuthorityDestroy(CLI::App& app);
Action DeclareAuthorityEmergency(CLI::App& app);
Action DeclareRotationStatus(CLI::App& app);
Action DeclareRotationProbe(CLI::App& app);
Action DeclareRotationAck(CLI::App& app);
Action DeclareCertRevoke(CLI::App& app);
Action DeclareCrlShow(CLI::App& app);
Action DeclareCrlWrite(CLI::App& app);
Action DeclareServiceIssue(CLI::App& app);
Action DeclareServiceRenew(CLI::App& app);
Action DeclareClientIssue(CLI::App& app);
Action DeclareClientRenew(CLI::App& app);
Action DeclareClientList(CLI::App& app);
Action DeclareMigrateLab(CLI::App& app);
Action DeclareBundleShow(CLI::App& app);
Action DeclareBundleWrite(CLI::App& app);
Action DeclareBundleVerify(CLI::App& app);
Action DeclareBundleRecover(CLI::App& app);
Action DeclareSlurmConfPrint(CLI::App& app);
Action DeclareAuditTail(CLI::App& app);
Action DeclareAuditVerify(CLI::App& app);
Action DeclareCompletionBash(CLI::App& app);

}  // namespace signet::cli

#endif  // SIGNET_CLI_COMMANDS_COMMAND_H_
