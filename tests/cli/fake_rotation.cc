// FakeSignetd's rotation, revocation and reports.
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/cli/fake_signetd.h"

namespace signet::cli {
namespace {

grpc::Status WithPlan(const grpc::Status& refusal, const v1::RotationPlan& plan) {
  google::rpc::Status details;
  details.ParseFromString(refusal.error_details());
  details.add_details()->PackFrom(plan);
  return {refusal.error_code(), refusal.error_message(), details.SerializeAsString()};
}

}  // namespace

grpc::Status FakeSignetd::PrepareAuthority(grpc::ServerContext*, const v1::PrepareAuthorityRequest* request,
                                           v1::PrepareAuthorityResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  prepared = *request;
  response->mutable_plan()->add_steps("a new root joins the trust bundle");
  response->mutable_plan()->set_bundle_generation(status.bundle_generation() + 1);
  if (request->dry_run()) return grpc::Status::OK;
  status.set_bundle_generation(status.bundle_generation() + 1);
  *response->mutable_authority() = Active();
  response->mutable_authority()->set_state(v1::AUTHORITY_STATE_PREPARED);
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::ChangeAuthority(grpc::ServerContext*, const v1::ChangeAuthorityRequest* request,
                                          v1::ChangeAuthorityResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  changed.push_back(*request);
  response->mutable_plan()->add_steps("the step is taken");
  response->mutable_plan()->set_bundle_generation(7);
  for (const v1::RotationBlocker& blocker : gate) *response->mutable_plan()->add_blockers() = blocker;
  if (!gate.empty() && request->force_reason().empty() && !request->dry_run()) {
    return WithPlan(Refuse(grpc::StatusCode::FAILED_PRECONDITION, "GATE_CLOSED", "the gate is closed", gate[0].next()),
                    response->plan());
  }
  const bool requested = !requests.empty() && requests.front().id() == request->authority_id();
  if (!requested) *response->mutable_authority() = Active();
  if (requested && !request->dry_run()) requests.clear();
  response->set_changed(!request->dry_run());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::ReplaceStolenAuthority(grpc::ServerContext*, const v1::ReplaceStolenAuthorityRequest* request,
                                                 v1::ReplaceStolenAuthorityResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (request->confirm_subject() != authority_.root.subject()) {
    return Refuse(grpc::StatusCode::INVALID_ARGUMENT, "MALFORMED", "confirm_subject: is not its subject", "");
  }
  stolen.push_back(*request);
  response->add_revoked_ids(request->authority_id());
  response->mutable_plan()->add_steps("the stolen authority leaves the bundle");
  response->mutable_plan()->set_bundle_generation(8);
  *response->mutable_active() = Active();
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::GetRotationStatus(grpc::ServerContext*, const v1::GetRotationStatusRequest*,
                                            v1::GetRotationStatusResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (rotation_calls_away > 0 && rotation_calls_until_away-- <= 0) {
    --rotation_calls_away;
    return {grpc::StatusCode::UNAVAILABLE, "going away"};
  }
  *response = rotation;
  if (rotation_later.empty()) return grpc::Status::OK;
  rotation = rotation_later.front();
  rotation_later.erase(rotation_later.begin());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::AcknowledgeHosts(grpc::ServerContext*, const v1::AcknowledgeHostsRequest* request,
                                           v1::AcknowledgeHostsResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (request->hosts_size() > 1000) return {grpc::StatusCode::INVALID_ARGUMENT, "more than 1000"};
  acknowledged.push_back(*request);
  response->set_acknowledged(request->hosts_size());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::ReportHost(grpc::ServerContext*, const v1::ReportHostRequest* request,
                                     v1::ReportHostResponse*) {
  const base::MutexLock lock(mutex);
  if (refuse_reports) return Refuse(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED", "not for this program", "");
  reports.push_back(request->report());
  return refusal;
}

grpc::Status FakeSignetd::RecoverBundle(grpc::ServerContext*, const v1::RecoverBundleRequest* request,
                                        v1::RecoverBundleResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  recovered = *request;
  const bool above = status.bundle_generation() > request->at_least();
  response->set_bundle_generation(above ? status.bundle_generation() : request->at_least() + 1);
  response->set_changed(!above && !request->dry_run());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::RevokeCertificates(grpc::ServerContext*, const v1::RevokeCertificatesRequest* request,
                                             v1::RevokeCertificatesResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (request->nodes_size() > 1000 || request->serials_size() > 1000)
    return {grpc::StatusCode::INVALID_ARGUMENT, "more than 1000"};
  revoked.push_back(*request);
  response->set_revoked(request->authority_id().empty() ? request->nodes_size() + request->serials_size() : 5);
  response->set_identities_ended(request->nodes_size());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::GetRevocationList(grpc::ServerContext*, const v1::GetRevocationListRequest*,
                                            v1::GetRevocationListResponse* response) {
  const base::MutexLock lock(mutex);
  response->set_crl_pem(crl_pem);
  response->set_number(12);
  response->set_entries(3);
  response->mutable_next_update()->set_seconds(absl::ToUnixSeconds(now_ + absl::Hours(24 * 7)));
  return refusal;
}

grpc::Status FakeSignetd::RenewClientCertificate(grpc::ServerContext*, const v1::RenewClientCertificateRequest* request,
                                                 v1::RenewClientCertificateResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  response->set_certificate_chain_pem(Leaf(request->csr_pem(), renewed_uri, response->mutable_serial()));
  response->set_control_ca_pem(authority_.root.pem());
  return grpc::Status::OK;
}

}  // namespace signet::cli
