#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/revocation_list.h"
#include "cli/staged_files.h"
#include "cli/table.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

struct Options {
  std::string file;
  std::string authority;
};

absl::Status Write(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const v1::GetRevocationListResponse list, FetchRevocationList(session, options.authority));
  const bool dry_run = session.options().dry_run;
  if (!dry_run) {
    StagedFiles staged;
    SIGNET_RETURN_IF_ERROR(staged.Add(options.file, list.crl_pem(), {.mode = 0644}));
    SIGNET_RETURN_IF_ERROR(staged.Commit());
  }
  const auto text = [&](bool) {
    return absl::StrCat(options.file, ": list ", list.number(), ", ", list.entries(), " certificates, ",
                        dry_run ? "would be written" : "written", "; the next one is due ",
                        RelativeTime(FromProto(list.next_update()), session.Now()), "\n");
  };
  return session.Print({.text = text, .message = &list, .names = {options.file}});
}

}  // namespace

Action DeclareCrlWrite(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "gets the list as PEM")->required();
  app.add_option("--authority", options->authority, "whose list [the active Slurm authority's]");
  return [options](Session& session) { return Write(session, *options); };
}

}  // namespace signet::cli
