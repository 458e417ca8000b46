#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/blockers.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

// The one line an administrator reads when there is time for one.
std::string Headline(const v1::GetStatusResponse& status, absl::Time now) {
  if (status.nodes_enrolled() == 0) {
    if (status.tokens_open() > 0) {
      return absl::StrCat(status.cluster(), ": no node enrolled yet; ", status.tokens_open(),
                          " tokens open; next: copy the token files to the nodes and start slurmd");
    }
    return absl::StrCat(status.cluster(),
                        ": no node enrolled yet; next: signetctl token create 'n[001-128]' --out-dir DIR");
  }
  const std::string enrolled =
      absl::StrCat(status.cluster(), ": ", status.nodes_certified(), "/", status.nodes_enrolled(), " nodes enrolled; ");
  if (!status.has_first_lost_at()) {
    return absl::StrCat(enrolled, "no node holds a valid certificate; next: signetctl node list");
  }
  const absl::Time lost = FromProto(status.first_lost_at());
  if (lost <= now) {
    return absl::StrCat(enrolled, "the first node was lost ", RelativeTime(lost, now), " (", status.first_lost_node(),
                        ")");
  }
  return absl::StrCat(enrolled, "if signetd stops now, the first node is lost in ", DurationText(lost - now), " (",
                      status.first_lost_node(), ")");
}

std::string WarningLine(const v1::GetRotationStatusResponse& rotation) {
  if (rotation.warning().empty()) return "";
  return Printable(absl::StrCat("warning: ", rotation.warning(), "; next: ", rotation.warning_next())) + "\n";
}

// Empty when there is nothing to do.
std::string RotationLine(const absl::StatusOr<v1::GetRotationStatusResponse>& rotation, absl::Time now) {
  if (!rotation.ok()) return absl::StrCat("rotation: not known: ", Printable(rotation.status().message()), "\n");
  if (rotation->step() == v1::ROTATION_STEP_IDLE) return WarningLine(*rotation);
  std::string line = absl::StrCat("rotation: ", EnumText(v1::RotationStep_Name(rotation->step()), "ROTATION_STEP_"),
                                  " ", rotation->authority().id());
  if (rotation->has_since()) absl::StrAppend(&line, " since ", DurationText(now - FromProto(rotation->since())));
  if (rotation->blockers().empty()) {
    absl::StrAppend(&line, "; next: ", rotation->next());
  } else {
    std::vector<std::string> who;
    for (const v1::RotationBlocker& blocker : rotation->blockers()) who.push_back(WhoBlocks(blocker));
    absl::StrAppend(&line, ", blocked by ", absl::StrJoin(who, ","), "; next: signetctl rotation status");
  }
  return absl::StrCat(Printable(line), "\n", WarningLine(*rotation));
}

std::string Text(const v1::GetStatusResponse& status, const std::string& rotation, absl::Time now, bool wide) {
  std::string text =
      absl::StrCat(Headline(status, now), "\n", rotation, "\n", AuthorityRows(status.authorities(), now, wide), "\n");
  if (status.services().empty()) {
    absl::StrAppend(&text, "no service certificate yet; next: signetctl service issue slurmctld\n\n");
  } else {
    Table services({"SERVICE", "CERTIFICATE ENDS"});
    for (const v1::ServiceStatus& service : status.services()) {
      services.Add({service.service(), RelativeTime(FromProto(service.not_after()), now)});
    }
    absl::StrAppend(&text, services.Text(), "\n");
  }
  FieldList fields;
  fields.Add("open tokens", absl::StrCat(status.tokens_open()));
  fields.Add("trust bundle", absl::StrCat("generation ", status.bundle_generation()));
  fields.Add("bundle pin", status.bundle_pin());
  fields.Add("signetd", status.version());
  return absl::StrCat(text, fields.Text());
}

}  // namespace

Action DeclareStatus(CLI::App&) {
  return [](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::GetStatusResponse status,
                            session.Call(&v1::CertAuthority::Stub::GetStatus, v1::GetStatusRequest()));
    const auto text = [&](bool wide) {
      const std::string rotation = RotationLine(
          session.Call(&v1::CertAuthority::Stub::GetRotationStatus, v1::GetRotationStatusRequest()), session.Now());
      return Text(status, rotation, session.Now(), wide);
    };
    return session.Print({.text = text, .message = &status, .names = {status.cluster()}});
  };
}

}  // namespace signet::cli
