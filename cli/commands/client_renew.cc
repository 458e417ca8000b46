#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/control_certificate.h"
#include "cli/failure.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

absl::Status Renew(Session& session) {
  SIGNET_ASSIGN_OR_RETURN(const std::optional<x509::Certificate> old, OwnControlCertificate(session));
  if (!old.has_value()) {
    return UsageError(
        "this renews the certificate with which signetctl calls over TCP: name --server HOST:PORT and its "
        "files",
        "SIGNET_TLS_DIR=/etc/signet signetctl --server HEAD:6843 client renew");
  }
  const std::string& path = session.options().tls.cert;
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would renew ", path, ", certificate ", old->serial(), " of ",
                              old->common_name(), ", which ends ", RelativeTime(old->not_after(), session.Now())));
    return absl::OkStatus();
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate fresh, RenewControlCertificate(session, *old));
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["name"].set_string_value(fresh.common_name());
  fields["serial"].set_string_value(fresh.serial());
  fields["expires_at"].set_string_value(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", fresh.not_after(), absl::UTCTimeZone()));
  fields["certificate"].set_string_value(path);
  const auto text = [&](bool) {
    return absl::StrCat(path, " of ", fresh.common_name(), " is renewed; it ends ",
                        RelativeTime(fresh.not_after(), session.Now()), "\n");
  };
  return session.Print({.text = text, .message = &document, .names = {fresh.serial()}});
}

}  // namespace

Action DeclareClientRenew(CLI::App&) { return Renew; }

}  // namespace signet::cli
