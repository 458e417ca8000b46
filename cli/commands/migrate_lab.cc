#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/anchor.h"
#include "cli/commands/command.h"
#include "cli/migration.h"
#include "cli/token_registration.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

struct Options {
  std::string directory;
  std::string ca_file;
  std::string tokens;
};

absl::Status CheckFaults(Session& session, const Migration& migration) {
  if (migration.faults.empty()) return absl::OkStatus();
  for (const std::string& fault : migration.faults) session.Note(fault);
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat(migration.faults.size(), " tokens cannot be imported; nothing was"),
                       absl::StrCat("take them out of ", migration.tree.tokens,
                                    " and make new ones: signetctl token create HOSTLIST --out-dir DIR"));
}

// Anchor before tokens: a node that enrols must find a controller whose old certificate is still trusted.
absl::Status Import(Session& session, const Migration& migration) {
  // Everything is judged before anything is done.
  SIGNET_RETURN_IF_ERROR(RegisterTokens(session, migration.to_import, /*dry_run=*/true).status());
  for (const x509::Certificate& certificate : migration.to_anchor) {
    SIGNET_RETURN_IF_ERROR(ImportAnchor(session, certificate.pem(), /*dry_run=*/true).status());
  }
  if (session.options().dry_run) return absl::OkStatus();
  for (const x509::Certificate& certificate : migration.to_anchor) {
    SIGNET_RETURN_IF_ERROR(ImportAnchor(session, certificate.pem(), /*dry_run=*/false).status());
    session.Note(absl::StrCat("anchored ", certificate.subject()));
  }
  std::size_t done = 0;
  const absl::Status registered = RegisterTokens(session, migration.to_import, /*dry_run=*/false, &done).status();
  if (!registered.ok()) {
    session.NotePart("tokens imported", done, migration.to_import.size());
    return registered;
  }
  if (done > 0) session.Note(absl::StrCat("imported ", done, " lab tokens"));
  return absl::OkStatus();
}

absl::Status Print(Session& session, const Migration& migration) {
  const std::vector<std::string> next = NextSteps(migration, session.options().dry_run);
  const google::protobuf::Struct document = PlanDocument(migration, next);
  return session.Print({.text = [&](bool) { return PlanText(migration, next, session.Now()); },
                        .message = &document,
                        .names = migration.nodes_old});
}

absl::Status Migrate(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(LabTree tree, ReadLabTree(options.directory, options.ca_file, options.tokens));
  SIGNET_ASSIGN_OR_RETURN(Migration migration, Survey(session, std::move(tree)));
  const absl::Status faults = CheckFaults(session, migration);
  if (!faults.ok() || session.options().dry_run) {
    SIGNET_RETURN_IF_ERROR(Print(session, migration));
    return faults.ok() ? Import(session, migration) : faults;
  }
  const bool changes = !migration.to_import.empty() || !migration.to_anchor.empty();
  SIGNET_RETURN_IF_ERROR(Import(session, migration));
  if (changes) {
    SIGNET_ASSIGN_OR_RETURN(migration, Survey(session, std::move(migration.tree)));
  }
  return Print(session, migration);
}

}  // namespace

Action DeclareMigrateLab(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("dir", options->directory, "where the scripts, tokens and certificates are: /etc/slurm/certmgr")
      ->required();
  app.add_option("--ca", options->ca_file, "the CA certificate's file [slurm_ca.pem, root_cert.pem or ca_cert.pem]");
  app.add_option("--tokens", options->tokens, "the token list or a directory of {node}_token.txt [as found in DIR]");
  return [options](Session& session) { return Migrate(session, *options); };
}

}  // namespace signet::cli
