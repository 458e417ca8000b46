// What the handlers of rotation and revocation read and write, as the engines see it. Converts and never decides.
#ifndef SIGNET_SERVICES_RPC_CONVERT_ROTATION_H_
#define SIGNET_SERVICES_RPC_CONVERT_ROTATION_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/authority/gates.h"
#include "services/authority/rotation.h"
#include "services/revocation/revocation.h"
#include "services/store/rows.h"
#include "signet/v1/revocation.pb.h"
#include "signet/v1/rotation.pb.h"

namespace signet::rpc {

// Each: INVALID_ARGUMENT / MALFORMED names the field that is missing, too long, no number of its enum or out of range.
absl::StatusOr<authority::PrepareRequest> FromProto(const v1::PrepareAuthorityRequest& request);
absl::StatusOr<authority::ChangeRequest> FromProto(const v1::ChangeAuthorityRequest& request);
absl::StatusOr<authority::StolenRequest> FromProto(const v1::ReplaceStolenAuthorityRequest& request);
absl::StatusOr<revocation::Request> FromProto(const v1::RevokeCertificatesRequest& request);
// A loaded bundle counts only with the evidence that fits the program: READ_EACH_TIME for "host", STARTED_AFTER_FILE
// for the services. Without evidence it is left out; with one that does not fit the report is MALFORMED.
absl::StatusOr<store::ReportRow> FromProto(const v1::HostReport& report);
// `index`: to name the field, as "results[3].host".
absl::StatusOr<store::ProbeRow> FromProto(const v1::ProbeResult& result, int index);

v1::RotationBlocker ToProto(const authority::Blocker& blocker);
v1::RotationPlan ToProto(const authority::Plan& plan);
v1::RotationStep ToProto(authority::Step step);

// A refusal whose reason is GATE_CLOSED with the plan as its detail (see WithDetail), lists of names cut as short as
// that takes, whole names only, each still a hostlist; its message then says so. Any other status as it is.
absl::Status WithPlan(const absl::Status& status, const authority::Plan& plan);

// The longest beginning of a hostlist, or of a list with commas, of at most `limit` bytes that ends behind a whole name
// or range: "n[1-3,7]-ib" at 10 is "n[1-3]-ib". Empty when there is none.
std::string CutHostlist(absl::string_view names, std::size_t limit);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CONVERT_ROTATION_H_
