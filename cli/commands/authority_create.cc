#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  bool subordinate = false;
  std::string subject;
  std::string out;
};

constexpr char kExample[] =
    "signetctl authority create --subordinate --subject 'CN=Slurm issuing CA,O=Example' --out FILE.csr";

// What is at `path`; nullopt when there is nothing. A request that was written before is found again, and anything else
// stays.
absl::StatusOr<std::optional<std::string>> ReadOld(const std::string& path) {
  if (path.empty() || !files::Exists(path)) return std::optional<std::string>();
  SIGNET_ASSIGN_OR_RETURN(std::string text, files::Read(path));
  return std::optional<std::string>(std::move(text));
}

absl::Status WriteRequest(const std::string& path, const std::string& csr_pem, const std::optional<std::string>& old) {
  if (old.has_value() && *old == csr_pem) return absl::OkStatus();
  return files::WriteAtomically(path, csr_pem, {.mode = 0644, .exclusive = true});
}

std::string Text(Session& session, const v1::CreateSubordinateResponse& response, const Options& options, bool wide) {
  const std::string plan = PlanText(response.plan(), response.changed(), session.Now());
  if (session.options().dry_run) return absl::StrCat(plan, "# dry run: nothing was changed\n");
  if (options.out.empty()) return response.request().csr_pem();
  google::protobuf::RepeatedPtrField<v1::AuthorityRequest> rows;
  *rows.Add() = response.request();
  return absl::StrCat(AuthorityRows({}, session.Now(), wide, rows), "\n", plan, "# ", options.out,
                      " is for who holds the root. What comes back, with its root last:\n"
                      "# signetctl authority import --chain FILE --dry-run\n");
}

absl::Status Create(Session& session, const Options& options) {
  if (!options.subordinate) {
    return UsageError("a root of its own is made by authority prepare; one below a root elsewhere wants --subordinate",
                      kExample);
  }
  SIGNET_ASSIGN_OR_RETURN(const std::optional<std::string> old, ReadOld(options.out));
  v1::CreateSubordinateRequest request;
  request.set_subject(options.subject);
  request.set_dry_run(session.options().dry_run || old.has_value());
  SIGNET_ASSIGN_OR_RETURN(v1::CreateSubordinateResponse response,
                          session.Call(&v1::CertAuthority::Stub::CreateSubordinate, request));
  if (old.has_value() && (!response.has_request() || response.request().csr_pem() != *old)) {
    return UsageError(absl::StrCat(options.out, " exists, and is not the request for this subject: it stays"),
                      "name another file: --out");
  }
  if (!session.options().dry_run && !options.out.empty()) {
    SIGNET_RETURN_IF_ERROR(WriteRequest(options.out, response.request().csr_pem(), old));
  }
  View view{
      .text = [&](bool wide) { return Text(session, response, options, wide); }, .message = &response, .names = {}};
  if (response.has_request()) view.names = {response.request().id()};
  return session.Print(view);
}

}  // namespace

Action DeclareAuthorityCreate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--subordinate", options->subordinate, "below a root elsewhere: its key is here, its certificate comes");
  app.add_option("--subject", options->subject, "RFC 4514, of no other authority")->required();
  app.add_option("--out", options->out, "where the certificate request goes; never over another file [stdout]");
  return [options](Session& session) { return Create(session, *options); };
}

}  // namespace signet::cli
