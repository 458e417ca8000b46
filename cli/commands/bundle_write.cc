#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/writer.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string dir = "/etc/slurm";
  std::string file;  // empty: dir's ca_cert.pem
  std::string pin;
};

absl::Status Write(Session& session, const Options& options) {
  const std::string path = options.file.empty() ? options.dir + "/ca_cert.pem" : options.file;
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, AskForClusterPin(session, options.pin));
  SIGNET_ASSIGN_OR_RETURN(const v1::GetTrustBundleResponse response,
                          session.Call(&v1::CertAuthority::Stub::GetTrustBundle, v1::GetTrustBundleRequest()));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle verified, VerifyBundle(response.signed_bundle(), pin));
  std::string what = "would be written";
  if (!session.options().dry_run) {
    SIGNET_ASSIGN_OR_RETURN(
        const bundle::WriteResult result,
        bundle::Write({.ca_cert_file = path, .memory_dir = "", .cluster = pin.cluster, .pin = pin.pin},
                      response.signed_bundle().SerializeAsString(), session.Now()));
    if (result == bundle::WriteResult::kManagedElsewhere) {
      return base::Refusal(
          absl::StatusCode::kFailedPrecondition, base::kConfiguration,
          absl::StrCat(path,
                       " is a symbolic link, or lies on a read-only or network file system: it is managed elsewhere"),
          "run this where the file system is written, or hand out the signed bundle");
    }
    what = result == bundle::WriteResult::kUnchanged ? "unchanged" : "written";
  }
  google::protobuf::Struct document;
  (*document.mutable_fields())["file"].set_string_value(path);
  (*document.mutable_fields())["result"].set_string_value(what);
  (*document.mutable_fields())["generation"].set_number_value(static_cast<double>(verified.generation));
  return session.Print(
      {.text = [&](bool) { return absl::StrCat(path, ": generation ", verified.generation, " ", what, "\n"); },
       .message = &document,
       .names = {path}});
}

}  // namespace

Action DeclareBundleWrite(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::Option* dir = app.add_option("--dir", options->dir, "gets ca_cert.pem and signet-bundle")->capture_default_str();
  app.add_option("--file", options->file,
                 "ca_cert_file itself, where it has another name; signet-bundle goes beside it")
      ->excludes(dir);
  app.add_option("--pin", options->pin, "bundle pin, 64 hex digits [the server's]");
  return [options](Session& session) { return Write(session, *options); };
}

}  // namespace signet::cli
