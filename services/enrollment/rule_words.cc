#include "services/enrollment/rule_words.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/optional_row.h"

namespace signet::enrollment {
namespace {

std::string DaemonFlag(absl::string_view daemon) {
  return daemon == "slurmd" ? std::string() : absl::StrCat(" --daemon ", daemon);
}

}  // namespace

absl::Status Denied(absl::string_view reason, absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kPermissionDenied, reason, message, next);
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string TokenCreate(absl::string_view node, absl::string_view daemon) {
  return absl::StrCat("signetctl token create ", node, DaemonFlag(daemon), " --out-dir DIR");
}

std::string NodeApprove(const evidence::Statement& statement) {
  return NodeApprove(statement.node, statement.daemon, statement.key_id);
}

std::string NodeApprove(absl::string_view node, absl::string_view daemon, absl::string_view key_id) {
  return absl::StrCat("signetctl node approve ", node, " --key ", key_id, DaemonFlag(daemon));
}

absl::string_view EndingCommand(store::EndedBy by) {
  switch (by) {
    case store::EndedBy::kBlock:
      return "signetctl node block";
    case store::EndedBy::kForget:
      return "signetctl node forget";
    case store::EndedBy::kRevocation:
      return "signetctl cert revoke";
    case store::EndedBy::kNothing:
    case store::EndedBy::kEnrolment:
      break;
  }
  return "";
}

absl::Status CheckSubject(const evidence::Statement& statement, absl::string_view whose, absl::string_view node,
                          absl::string_view daemon, absl::string_view next) {
  if (node != statement.node) {
    return Denied(base::kWrongNode, absl::StrCat(whose, " belongs to node ", node, ", not ", statement.node), next);
  }
  if (daemon != statement.daemon) {
    return Denied(base::kWrongDaemon,
                  absl::StrCat(whose, " belongs to ", daemon, " on ", node, ", not ", statement.daemon), next);
  }
  return absl::OkStatus();
}

absl::Status CheckKeyIsFree(const store::Tables& tables, const evidence::Statement& statement) {
  SIGNET_ASSIGN_OR_RETURN(const auto other, OptionalRow(tables.certificates().FindBySpki(statement.csr_spki_sha256)));
  if (!other.has_value() || (other->profile == store::Profile::kNode && other->subject == statement.node)) {
    return absl::OkStatus();
  }
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                       "the CSR's key is already certified for another name; a TLS key is made for each request");
}

}  // namespace signet::enrollment
