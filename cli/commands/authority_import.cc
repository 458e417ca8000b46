#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/anchor.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

absl::Status Import(Session& session, const std::string& file) {
  SIGNET_ASSIGN_OR_RETURN(const std::string pem, ReadAnchor(file));
  SIGNET_ASSIGN_OR_RETURN(const v1::ImportAuthorityResponse response,
                          ImportAnchor(session, pem, session.options().dry_run));
  const auto text = [&](bool wide) {
    google::protobuf::RepeatedPtrField<v1::Authority> rows;
    *rows.Add() = response.authority();
    const std::string table = AuthorityRows(rows, session.Now(), wide);
    if (session.options().dry_run) return absl::StrCat(table, "# dry run: nothing was changed\n");
    return absl::StrCat(table, "# It is in bundle generation ", response.bundle_generation(),
                        " and signs nothing here. Next: signetctl bundle write --dir /etc/slurm\n");
  };
  return session.Print({.text = text, .message = &response, .names = {response.authority().id()}});
}

}  // namespace

Action DeclareAuthorityImport(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "one self-signed CA certificate, PEM; never its key")->required();
  return [file](Session& session) { return Import(session, *file); };
}

}  // namespace signet::cli
