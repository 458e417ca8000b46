// CertAuthorityService: the life of authorities, and who is known to have loaded which root.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "services/rpc/cert_authority_service.h"
#include "services/rpc/convert.h"
#include "services/rpc/convert_rotation.h"
#include "services/rpc/describe_authority.h"
#include "services/rpc/limits.h"
#include "services/rpc/reply_status.h"

namespace signet::rpc {
namespace {

constexpr Method kPrepare = {"signet.v1.CertAuthority.PrepareAuthority", "authority.prepare"};
constexpr Method kReplaceStolen = {"signet.v1.CertAuthority.ReplaceStolenAuthority", "authority.emergency"};
constexpr Method kGetStatus = {"signet.v1.CertAuthority.GetRotationStatus", "rotation.status", false};
constexpr Method kAcknowledge = {"signet.v1.CertAuthority.AcknowledgeHosts", "rotation.ack"};
constexpr Method kReport = {"signet.v1.CertAuthority.ReportHost", "rotation.report"};
constexpr Method kIssueProbe = {"signet.v1.CertAuthority.IssueProbeCertificate", "certificate.sign"};
constexpr Method kRecordProbes = {"signet.v1.CertAuthority.RecordProbes", "rotation.probe"};
constexpr Method kRecoverBundle = {"signet.v1.CertAuthority.RecoverBundle", "bundle.recover"};

// A refusal is found in the audit log beside the steps that were taken.
Method ChangeMethod(v1::RotationVerb verb) {
  constexpr absl::string_view kName = "signet.v1.CertAuthority.ChangeAuthority";
  switch (verb) {
    case v1::ROTATION_VERB_ACTIVATE:
      return {kName, "authority.activate"};
    case v1::ROTATION_VERB_ROLLBACK:
      return {kName, "authority.rollback"};
    case v1::ROTATION_VERB_WITHDRAW:
      return {kName, "authority.withdraw"};
    case v1::ROTATION_VERB_REVOKE:
      return {kName, "authority.revoke"};
    case v1::ROTATION_VERB_DESTROY:
      return {kName, "authority.destroy"};
    default:
      return {kName, "authority.change"};
  }
}

absl::Status CheckEntries(absl::string_view field, int count) {
  if (count >= 1 && count <= kMaxListed) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat(field, " has ", count, " entries; allowed are 1 to ", kMaxListed));
}

}  // namespace

absl::StatusOr<std::string> CertAuthorityService::AuthorityId(absl::string_view text) const {
  SIGNET_RETURN_IF_ERROR(CheckLength("authority_id", text, kMaxAuthorityIdBytes, true));
  return engines_.rotation.FindId(text);
}

absl::StatusOr<v1::Authority> CertAuthorityService::Describe(const std::string& id) const {
  SIGNET_ASSIGN_OR_RETURN(const auto authority, engines_.authorities.Find(id));
  v1::Authority message;
  SIGNET_RETURN_IF_ERROR(engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(message, DescribeAuthority(tables, *authority, true, engines_.clock.Now()));
    return absl::OkStatus();
  }));
  return message;
}

grpc::Status CertAuthorityService::PrepareAuthority(grpc::ServerContext* context,
                                                    const v1::PrepareAuthorityRequest* request,
                                                    v1::PrepareAuthorityResponse* response) {
  const auto prepare = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const authority::PrepareRequest asked, FromProto(*request));
    SIGNET_ASSIGN_OR_RETURN(const authority::Changed changed, engines_.rotation.Prepare(asked, origin));
    *response->mutable_plan() = ToProto(changed.plan);
    if (changed.authority_id.empty()) return absl::OkStatus();
    // Not from the store: what is new signed nothing yet, and an error now would have it prepared twice.
    SIGNET_ASSIGN_OR_RETURN(const auto made, engines_.authorities.Find(changed.authority_id));
    *response->mutable_authority() = ToProto(*made, true);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kPrepare, [request] { return Subject{request->subject()}; }, prepare);
}

grpc::Status CertAuthorityService::ChangeAuthority(grpc::ServerContext* context,
                                                   const v1::ChangeAuthorityRequest* request,
                                                   v1::ChangeAuthorityResponse* response) {
  const auto change = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const authority::ChangeRequest asked, FromProto(*request));
    authority::Plan plan;
    const auto changed = engines_.rotation.Change(asked, origin, &plan);
    if (!changed.ok()) return WithPlan(changed.status(), plan);
    *response->mutable_plan() = ToProto(changed->plan);
    response->set_changed(changed->changed);
    if (changed->dropped_request) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(*response->mutable_authority(), Describe(changed->authority_id));
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), ChangeMethod(request->verb()),
      [request] { return Subject{request->authority_id()}; }, change);
}

grpc::Status CertAuthorityService::ReplaceStolenAuthority(grpc::ServerContext* context,
                                                          const v1::ReplaceStolenAuthorityRequest* request,
                                                          v1::ReplaceStolenAuthorityResponse* response) {
  const auto replace = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const authority::StolenRequest asked, FromProto(*request));
    SIGNET_ASSIGN_OR_RETURN(const authority::Replacement replaced, engines_.rotation.ReplaceStolen(asked, origin));
    *response->mutable_plan() = ToProto(replaced.plan);
    for (const std::string& id : replaced.revoked_ids) response->add_revoked_ids(id);
    SIGNET_ASSIGN_OR_RETURN(*response->mutable_active(), Describe(replaced.active_id));
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kReplaceStolen, [request] { return Subject{request->authority_id()}; }, replace);
}

grpc::Status CertAuthorityService::GetRotationStatus(grpc::ServerContext* context, const v1::GetRotationStatusRequest*,
                                                     v1::GetRotationStatusResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const authority::Standing standing, engines_.rotation.Stand());
    response->set_step(ToProto(standing.step));
    if (IsEver(standing.since)) *response->mutable_since() = ToProto(standing.since);
    response->set_summary(standing.summary);
    for (const authority::Blocker& blocker : standing.blockers) *response->add_blockers() = ToProto(blocker);
    response->set_next(standing.next);
    response->set_bundle_generation(standing.bundle_generation);
    response->set_highest_generation_seen(standing.highest_generation_seen);
    if (IsEver(standing.prepare_by)) *response->mutable_prepare_by() = ToProto(standing.prepare_by);
    response->set_warning(standing.warning);
    response->set_warning_next(standing.warning_next);
    if (standing.authority_id.empty()) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(*response->mutable_authority(), Describe(standing.authority_id));
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kGetStatus, NoSubject, get);
}

grpc::Status CertAuthorityService::AcknowledgeHosts(grpc::ServerContext* context,
                                                    const v1::AcknowledgeHostsRequest* request,
                                                    v1::AcknowledgeHostsResponse* response) {
  const auto acknowledge = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckEntries("hosts", request->hosts_size()));
    SIGNET_RETURN_IF_ERROR(CheckNames("hosts", request->hosts()));
    SIGNET_RETURN_IF_ERROR(CheckReason("reason", request->reason(), true));
    SIGNET_ASSIGN_OR_RETURN(const std::string id, AuthorityId(request->authority_id()));
    SIGNET_ASSIGN_OR_RETURN(const int64_t acknowledged,
                            engines_.sightings.Acknowledge(id, {request->hosts().begin(), request->hosts().end()},
                                                           request->reason(), origin));
    response->set_acknowledged(acknowledged);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kAcknowledge, [request] { return Subject{absl::StrJoin(request->hosts(), ",")}; },
      acknowledge);
}

grpc::Status CertAuthorityService::ReportHost(grpc::ServerContext* context, const v1::ReportHostRequest* request,
                                              v1::ReportHostResponse*) {
  const auto report = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const store::ReportRow row, FromProto(request->report()));
    return engines_.sightings.Report(row, origin);
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kReport, [request] { return Subject{request->report().host()}; }, report);
}

grpc::Status CertAuthorityService::IssueProbeCertificate(grpc::ServerContext* context,
                                                         const v1::IssueProbeCertificateRequest* request,
                                                         v1::IssueProbeCertificateResponse* response) {
  const auto issue = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("csr_pem", request->csr_pem(), kMaxCsrBytes, true));
    std::string id;
    // A tester names none; the engine refuses it to everybody else.
    if (!request->authority_id().empty()) {
      SIGNET_ASSIGN_OR_RETURN(id, AuthorityId(request->authority_id()));
    }
    const auto issued = engines_.named_certificates.IssueProbe(id, request->csr_pem(), origin);
    engines_.metrics.CountCertificate("probe", issued.ok() ? "issued" : ReasonFor(issued.status()));
    SIGNET_RETURN_IF_ERROR(issued.status());
    response->set_certificate_chain_pem(issued->chain_pem);
    response->set_serial(issued->serial);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kIssueProbe, [request] { return Subject{request->authority_id()}; }, issue);
}

grpc::Status CertAuthorityService::RecordProbes(grpc::ServerContext* context, const v1::RecordProbesRequest* request,
                                                v1::RecordProbesResponse* response) {
  const auto record = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckEntries("results", request->results_size()));
    std::vector<store::ProbeRow> rows;
    for (int i = 0; i < request->results_size(); ++i) {
      SIGNET_ASSIGN_OR_RETURN(store::ProbeRow row, FromProto(request->results(i), i));
      rows.push_back(std::move(row));
    }
    SIGNET_ASSIGN_OR_RETURN(const std::string id, AuthorityId(request->authority_id()));
    for (store::ProbeRow& row : rows) row.authority_id = id;
    SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> others, engines_.sightings.RecordProbes(id, rows, origin));
    response->set_not_matching(static_cast<int64_t>(others.size()));
    if (!others.empty()) response->set_not_matching_hosts(names::CompressHostlist(others));
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kRecordProbes, [request] { return Subject{request->authority_id()}; }, record);
}

grpc::Status CertAuthorityService::RecoverBundle(grpc::ServerContext* context, const v1::RecoverBundleRequest* request,
                                                 v1::RecoverBundleResponse* response) {
  const auto recover = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(
        const authority::Rotation::Recovered recovered,
        engines_.rotation.RecoverBundle(request->at_least(), request->dry_run(), request->force(), origin));
    response->set_bundle_generation(recovered.generation);
    response->set_changed(recovered.changed);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kRecoverBundle,
      [request] { return Subject{absl::StrCat("generation ", request->at_least())}; }, recover);
}

}  // namespace signet::rpc
