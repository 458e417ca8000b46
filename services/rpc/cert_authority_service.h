// signet.v1.CertAuthority: signing, certificates, authorities and their rotation, revocation, bundles, audit.
#ifndef SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_
#define SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_

#include <atomic>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "services/base/secret_bytes.h"
#include "services/rpc/calls.h"
#include "services/rpc/engines.h"
#include "services/rpc/host_reports.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::rpc {

// One per listener. Checks the request's shape, asks the engine, fills the answer. References must outlive this. Its
// calls about rotation are in cert_authority_rotation.cc, about authorities from elsewhere in cert_authority_import.cc,
// about revocation in cert_authority_revocation.cc.
class CertAuthorityService final : public v1::CertAuthority::Service {
 public:
  CertAuthorityService(Listener listener, Calls& calls, Engines& engines)
      : listener_(listener), calls_(calls), engines_(engines), reports_(calls, engines) {}

  grpc::Status SignCertificate(grpc::ServerContext* context, const v1::SignCertificateRequest* request,
                               v1::SignCertificateResponse* response) override;
  grpc::Status GetTrustBundle(grpc::ServerContext* context, const v1::GetTrustBundleRequest* request,
                              v1::GetTrustBundleResponse* response) override;
  grpc::Status IssueServiceCertificate(grpc::ServerContext* context, const v1::IssueServiceCertificateRequest* request,
                                       v1::IssueServiceCertificateResponse* response) override;
  grpc::Status IssueClientCertificate(grpc::ServerContext* context, const v1::IssueClientCertificateRequest* request,
                                      v1::IssueClientCertificateResponse* response) override;
  grpc::Status RenewClientCertificate(grpc::ServerContext* context, const v1::RenewClientCertificateRequest* request,
                                      v1::RenewClientCertificateResponse* response) override;
  grpc::Status ListProvisioners(grpc::ServerContext* context, const v1::ListProvisionersRequest* request,
                                v1::ListProvisionersResponse* response) override;
  grpc::Status ImportAuthority(grpc::ServerContext* context, const v1::ImportAuthorityRequest* request,
                               v1::ImportAuthorityResponse* response) override;
  grpc::Status CreateSubordinate(grpc::ServerContext* context, const v1::CreateSubordinateRequest* request,
                                 v1::CreateSubordinateResponse* response) override;
  grpc::Status PrepareAuthority(grpc::ServerContext* context, const v1::PrepareAuthorityRequest* request,
                                v1::PrepareAuthorityResponse* response) override;
  grpc::Status ChangeAuthority(grpc::ServerContext* context, const v1::ChangeAuthorityRequest* request,
                               v1::ChangeAuthorityResponse* response) override;
  grpc::Status ReplaceStolenAuthority(grpc::ServerContext* context, const v1::ReplaceStolenAuthorityRequest* request,
                                      v1::ReplaceStolenAuthorityResponse* response) override;
  grpc::Status GetRotationStatus(grpc::ServerContext* context, const v1::GetRotationStatusRequest* request,
                                 v1::GetRotationStatusResponse* response) override;
  grpc::Status AcknowledgeHosts(grpc::ServerContext* context, const v1::AcknowledgeHostsRequest* request,
                                v1::AcknowledgeHostsResponse* response) override;
  grpc::Status ReportHost(grpc::ServerContext* context, const v1::ReportHostRequest* request,
                          v1::ReportHostResponse* response) override;
  grpc::Status IssueProbeCertificate(grpc::ServerContext* context, const v1::IssueProbeCertificateRequest* request,
                                     v1::IssueProbeCertificateResponse* response) override;
  grpc::Status RecordProbes(grpc::ServerContext* context, const v1::RecordProbesRequest* request,
                            v1::RecordProbesResponse* response) override;
  grpc::Status RecoverBundle(grpc::ServerContext* context, const v1::RecoverBundleRequest* request,
                             v1::RecoverBundleResponse* response) override;
  grpc::Status RevokeCertificates(grpc::ServerContext* context, const v1::RevokeCertificatesRequest* request,
                                  v1::RevokeCertificatesResponse* response) override;
  grpc::Status GetRevocationList(grpc::ServerContext* context, const v1::GetRevocationListRequest* request,
                                 v1::GetRevocationListResponse* response) override;
  grpc::Status ListCertificates(grpc::ServerContext* context, const v1::ListCertificatesRequest* request,
                                v1::ListCertificatesResponse* response) override;
  grpc::Status GetCertificate(grpc::ServerContext* context, const v1::GetCertificateRequest* request,
                              v1::GetCertificateResponse* response) override;
  grpc::Status ListAuthorities(grpc::ServerContext* context, const v1::ListAuthoritiesRequest* request,
                               v1::ListAuthoritiesResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status ListAuditRecords(grpc::ServerContext* context, const v1::ListAuditRecordsRequest* request,
                                v1::ListAuditRecordsResponse* response) override;
  grpc::Status VerifyAudit(grpc::ServerContext* context, const v1::VerifyAuditRequest* request,
                           v1::VerifyAuditResponse* response) override;

 private:
  // The whole id; INVALID_ARGUMENT, NOT_FOUND.
  absl::StatusOr<std::string> AuthorityId(absl::string_view text) const;
  absl::StatusOr<v1::Authority> Describe(const std::string& id) const;
  absl::Status Import(const v1::ImportAuthorityRequest& request, base::SecretBytes key, const audit::Origin& origin,
                      v1::ImportAuthorityResponse* response);
  // A root without its key.
  absl::Status ImportRoot(const v1::ImportAuthorityRequest& request, const audit::Origin& origin,
                          v1::ImportAuthorityResponse* response);

  const Listener listener_;
  Calls& calls_;
  Engines& engines_;
  HostReports reports_;
  std::atomic<bool> verifying_ = false;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_
