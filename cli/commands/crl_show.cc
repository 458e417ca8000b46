#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/revocation_list.h"
#include "cli/table.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

struct Options {
  std::string authority;
  bool pem = false;
};

absl::Status Show(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const v1::GetRevocationListResponse list, FetchRevocationList(session, options.authority));
  const auto text = [&](bool wide) {
    FieldList fields;
    fields.Add("number", absl::StrCat(list.number()));
    fields.Add("certificates", absl::StrCat(list.entries()));
    fields.Add("next update", FullTime(FromProto(list.next_update()), session.Now()));
    return absl::StrCat(fields.Text(), wide || options.pem ? list.crl_pem() : "");
  };
  return session.Print({.text = text, .message = &list, .names = {absl::StrCat(list.number())}});
}

}  // namespace

Action DeclareCrlShow(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--authority", options->authority, "whose list [the active Slurm authority's]");
  app.add_flag("--pem", options->pem, "the list's PEM too");
  return [options](Session& session) { return Show(session, *options); };
}

}  // namespace signet::cli
