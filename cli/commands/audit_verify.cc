#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {

Action DeclareAuditVerify(CLI::App&) {
  return [](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::VerifyAuditResponse verdict,
                            session.Call(&v1::CertAuthority::Stub::VerifyAudit, v1::VerifyAuditRequest()));
    const bool good = verdict.first_bad_sequence() == 0 && verdict.fault().empty();
    const auto text = [&](bool) {
      return absl::StrCat("walked ", verdict.records(), " records and ", verdict.checkpoints(),
                          " checkpoints: ", good ? "all good" : absl::StrCat("bad at #", verdict.first_bad_sequence()),
                          "\n");
    };
    SIGNET_RETURN_IF_ERROR(session.Print({.text = text, .message = &verdict, .names = {}}));
    if (good) return absl::OkStatus();
    return base::Refusal(
        absl::StatusCode::kDataLoss, base::kInternal,
        absl::StrCat("the audit log is broken at record ", verdict.first_bad_sequence(), ": ", verdict.fault()),
        "compare the checkpoints in the log stream: journalctl -u signetd | grep checkpoint");
  };
}

}  // namespace signet::cli
