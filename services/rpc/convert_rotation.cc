#include "services/rpc/convert_rotation.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/audit/text.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/reply_status.h"

namespace signet::rpc {
namespace {

constexpr absl::Duration kLeastLifetime = absl::Hours(24 * 30);
constexpr absl::Duration kMostLifetime = absl::Hours(24 * 365 * 30);
constexpr std::size_t kSha256Bytes = 32;
constexpr absl::string_view kHostProgram = "host";
constexpr absl::string_view kNodeProgram = "slurmd";
// What is left of a message when a sentence is put behind it (see ReplyStatus).
constexpr std::size_t kMaxGateMessageBytes = 280;

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

absl::StatusOr<authority::Verb> VerbFromProto(v1::RotationVerb verb) {
  switch (verb) {
    case v1::ROTATION_VERB_ACTIVATE:
      return authority::Verb::kActivate;
    case v1::ROTATION_VERB_ROLLBACK:
      return authority::Verb::kRollback;
    case v1::ROTATION_VERB_WITHDRAW:
      return authority::Verb::kWithdraw;
    case v1::ROTATION_VERB_REVOKE:
      return authority::Verb::kRevoke;
    case v1::ROTATION_VERB_DESTROY:
      return authority::Verb::kDestroy;
    default:
      return Malformed("verb is unset or unknown");
  }
}

absl::StatusOr<store::RevocationReason> ReasonFromProto(v1::RevocationReason reason) {
  switch (reason) {
    case v1::REVOCATION_REASON_UNSPECIFIED:
      return store::RevocationReason::kUnspecified;
    case v1::REVOCATION_REASON_KEY_COMPROMISE:
      return store::RevocationReason::kKeyCompromise;
    case v1::REVOCATION_REASON_SUPERSEDED:
      return store::RevocationReason::kSuperseded;
    case v1::REVOCATION_REASON_CESSATION_OF_OPERATION:
      return store::RevocationReason::kCessationOfOperation;
    default:
      return Malformed(absl::StrCat("reason ", static_cast<int>(reason), " is unknown"));
  }
}

v1::BlockerKind ToProto(authority::BlockerKind kind) {
  switch (kind) {
    case authority::BlockerKind::kNodeNotLoaded:
      return v1::BLOCKER_KIND_NODE_NOT_LOADED;
    case authority::BlockerKind::kServiceNotLoaded:
      return v1::BLOCKER_KIND_SERVICE_NOT_LOADED;
    case authority::BlockerKind::kHostNotLoaded:
      return v1::BLOCKER_KIND_HOST_NOT_LOADED;
    case authority::BlockerKind::kNodeCertificate:
      return v1::BLOCKER_KIND_NODE_CERTIFICATE;
    case authority::BlockerKind::kServiceCertificate:
      return v1::BLOCKER_KIND_SERVICE_CERTIFICATE;
    case authority::BlockerKind::kHold:
      return v1::BLOCKER_KIND_HOLD;
  }
  return v1::BLOCKER_KIND_UNSPECIFIED;
}

absl::Status CheckCount(absl::string_view field, int count) {
  if (count <= kMaxListed) return absl::OkStatus();
  return Malformed(absl::StrCat(field, " has ", count, " entries; the limit is ", kMaxListed));
}

absl::Status CheckSighting(absl::string_view field, const v1::BundleSighting& sighting) {
  if (!sighting.sha256().empty() && sighting.sha256().size() != kSha256Bytes) {
    return Malformed(absl::StrCat(field, ".sha256 has ", sighting.sha256().size(), " bytes; a SHA-256 has ",
                                  kSha256Bytes, ", and no file none"));
  }
  // The store keeps signed numbers.
  if (sighting.generation() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Malformed(absl::StrCat(field, ".generation must be at most 2^63 - 1"));
  }
  return absl::OkStatus();
}

// Hex, or empty where it is not known.
absl::StatusOr<std::string> ServedSerial(absl::string_view text) {
  if (text.empty()) return std::string();
  return SerialFromText(text);
}

// What a list that is cut at the comma `at` still needs: nothing between names, and within brackets the closing one and
// what follows it in these names, as "]-ib" in "n[1,2]-ib".
absl::string_view RestOfTerm(absl::string_view names, std::size_t at) {
  const std::size_t open = names.rfind('[', at);
  if (open == absl::string_view::npos || names.find(']', open) < at) return "";
  const std::size_t close = std::min(names.find(']', at), names.size());
  std::size_t end = close;
  for (bool inside = true; end < names.size() && (inside || names[end] != ','); ++end) {
    if (names[end] == ']') inside = false;
    if (names[end] == '[') inside = true;
  }
  return names.substr(close, end - close);
}

// Shortens whatever names hosts, all alike, until the plan is a detail that travels. True when it shortened something.
bool FitNames(v1::RotationPlan* plan) {
  const std::size_t whole = plan->ByteSizeLong();
  std::size_t limit = kMaxDetailBytes;
  while (plan->ByteSizeLong() > kMaxDetailBytes && limit > 0) {
    limit /= 2;
    for (v1::RotationBlocker& blocker : *plan->mutable_blockers()) {
      blocker.set_names(CutHostlist(blocker.names(), limit));
      blocker.set_cause(audit::FitText(blocker.cause(), limit));
    }
  }
  return plan->ByteSizeLong() < whole;
}

}  // namespace

absl::StatusOr<authority::PrepareRequest> FromProto(const v1::PrepareAuthorityRequest& request) {
  SIGNET_RETURN_IF_ERROR(CheckLength("subject", request.subject(), kMaxSubjectBytes, false));
  const int64_t least = absl::ToInt64Seconds(kLeastLifetime);
  const int64_t most = absl::ToInt64Seconds(kMostLifetime);
  const int64_t seconds = request.lifetime_seconds();
  if (seconds != 0 && (seconds < least || seconds > most)) {
    return Malformed(
        absl::StrCat("lifetime_seconds is ", seconds, "; allowed are 0 and ", least, " to ", most, " (30d to 30y)"));
  }
  return authority::PrepareRequest{request.subject(), absl::Seconds(seconds), request.dry_run()};
}

absl::StatusOr<authority::ChangeRequest> FromProto(const v1::ChangeAuthorityRequest& request) {
  authority::ChangeRequest converted;
  SIGNET_RETURN_IF_ERROR(CheckLength("authority_id", request.authority_id(), kMaxAuthorityIdBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckReason("force_reason", request.force_reason(), false));
  SIGNET_ASSIGN_OR_RETURN(converted.verb, VerbFromProto(request.verb()));
  converted.authority_id = request.authority_id();
  converted.dry_run = request.dry_run();
  converted.force_reason = request.force_reason();
  return converted;
}

absl::StatusOr<authority::StolenRequest> FromProto(const v1::ReplaceStolenAuthorityRequest& request) {
  SIGNET_RETURN_IF_ERROR(CheckLength("authority_id", request.authority_id(), kMaxAuthorityIdBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength("confirm_subject", request.confirm_subject(), kMaxSubjectBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckReason("reason", request.reason(), true));
  return authority::StolenRequest{request.authority_id(), request.confirm_subject(), request.reason(),
                                  request.dry_run()};
}

absl::StatusOr<revocation::Request> FromProto(const v1::RevokeCertificatesRequest& request) {
  const int named = (request.serials().empty() ? 0 : 1) + (request.nodes().empty() ? 0 : 1) +
                    (request.authority_id().empty() ? 0 : 1);
  if (named != 1) return Malformed("exactly one of serials, nodes and authority_id must be set");
  SIGNET_RETURN_IF_ERROR(CheckCount("serials", request.serials_size()));
  SIGNET_RETURN_IF_ERROR(CheckCount("nodes", request.nodes_size()));
  SIGNET_RETURN_IF_ERROR(CheckNames("nodes", request.nodes()));
  SIGNET_RETURN_IF_ERROR(CheckLength("authority_id", request.authority_id(), kMaxAuthorityIdBytes, false));
  SIGNET_RETURN_IF_ERROR(CheckReason("comment", request.comment(), true));
  revocation::Request converted;
  for (const std::string& text : request.serials()) {
    SIGNET_ASSIGN_OR_RETURN(std::string serial, SerialFromText(text));
    converted.serials.push_back(std::move(serial));
  }
  converted.nodes.assign(request.nodes().begin(), request.nodes().end());
  converted.authority_id = request.authority_id();
  SIGNET_ASSIGN_OR_RETURN(converted.reason, ReasonFromProto(request.reason()));
  converted.comment = request.comment();
  converted.dry_run = request.dry_run();
  return converted;
}

absl::StatusOr<store::ReportRow> FromProto(const v1::HostReport& report) {
  SIGNET_RETURN_IF_ERROR(CheckLength("report.host", report.host(), kMaxNameBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength("report.program", report.program(), kMaxNameBytes, true));
  SIGNET_RETURN_IF_ERROR(CheckLength("report.adapter_version", report.adapter_version(), kMaxVersionBytes, false));
  SIGNET_RETURN_IF_ERROR(CheckSighting("report.bundle_on_disk", report.bundle_on_disk()));
  SIGNET_RETURN_IF_ERROR(CheckSighting("report.bundle_loaded", report.bundle_loaded()));
  store::ReportRow row;
  row.host = report.host();
  row.program = report.program();
  row.disk_generation = report.bundle_on_disk().generation();
  row.disk_sha256 = report.bundle_on_disk().sha256();
  SIGNET_ASSIGN_OR_RETURN(row.served_serial, ServedSerial(report.served_serial()));
  row.adapter_version = report.adapter_version();
  if (report.loaded_evidence() == v1::LOADED_EVIDENCE_UNSPECIFIED) return row;
  const v1::LoadedEvidence fitting =
      report.program() == kHostProgram ? v1::LOADED_EVIDENCE_READ_EACH_TIME : v1::LOADED_EVIDENCE_STARTED_AFTER_FILE;
  if (report.loaded_evidence() != fitting) {
    return Malformed(absl::StrCat("report.loaded_evidence ", static_cast<int>(report.loaded_evidence()),
                                  " does not fit this program"));
  }
  row.loaded_generation = report.bundle_loaded().generation();
  row.loaded_sha256 = report.bundle_loaded().sha256();
  return row;
}

absl::StatusOr<store::ProbeRow> FromProto(const v1::ProbeResult& result, int index) {
  const std::string field = absl::StrCat("results[", index, "]");
  SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, ".host"), result.host(), kMaxNameBytes, true));
  if (result.program() != kNodeProgram && !names::IsServiceName(result.program())) {
    return Malformed(absl::StrCat(field, ".program must be slurmd, slurmctld, slurmdbd or slurmrestd"));
  }
  store::ProbeRow row;
  row.host = result.host();
  row.program = result.program();
  row.trusted = result.trusted();
  SIGNET_ASSIGN_OR_RETURN(row.served_serial, ServedSerial(result.served_serial()));
  return row;
}

v1::RotationBlocker ToProto(const authority::Blocker& blocker) {
  v1::RotationBlocker message;
  message.set_kind(ToProto(blocker.kind));
  message.set_names(blocker.names);
  message.set_count(blocker.count);
  if (IsEver(blocker.since)) *message.mutable_since() = ToProto(blocker.since);
  if (IsEver(blocker.until)) *message.mutable_until() = ToProto(blocker.until);
  message.set_cause(blocker.cause);
  message.set_next(blocker.next);
  return message;
}

v1::RotationPlan ToProto(const authority::Plan& plan) {
  v1::RotationPlan message;
  for (const std::string& step : plan.steps) message.add_steps(step);
  for (const authority::Blocker& blocker : plan.blockers) *message.add_blockers() = ToProto(blocker);
  message.set_bundle_generation(plan.bundle_generation);
  return message;
}

v1::RotationStep ToProto(authority::Step step) {
  switch (step) {
    case authority::Step::kIdle:
      return v1::ROTATION_STEP_IDLE;
    case authority::Step::kSpreading:
      return v1::ROTATION_STEP_SPREADING;
    case authority::Step::kHolding:
      return v1::ROTATION_STEP_HOLDING;
  }
  return v1::ROTATION_STEP_UNSPECIFIED;
}

absl::Status WithPlan(const absl::Status& status, const authority::Plan& plan) {
  if (base::ReasonOf(status) != base::kGateClosed) return status;
  v1::RotationPlan message = ToProto(plan);
  if (!FitNames(&message)) return WithDetail(status, message);
  const std::string text = absl::StrCat(audit::FitText(status.message(), kMaxGateMessageBytes),
                                        " (the lists of names are cut short; a dry run gives them whole)");
  return WithDetail(base::Refusal(status.code(), base::kGateClosed, text, base::NextOf(status)), message);
}

std::string CutHostlist(absl::string_view names, std::size_t limit) {
  if (names.size() <= limit) return std::string(names);
  // A comma at `limit` itself ends a list of that length.
  for (std::size_t end = limit + 1; end-- > 0;) {
    if (names[end] != ',') continue;
    const absl::string_view kept = names.substr(0, end);
    const absl::string_view rest = RestOfTerm(names, end);
    if (kept.size() + rest.size() <= limit) return absl::StrCat(kept, rest);
  }
  return "";
}

}  // namespace signet::rpc
