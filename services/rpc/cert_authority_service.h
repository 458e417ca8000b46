// signet.v1.CertAuthority: signing, certificates, authorities, bundles, audit.
#ifndef SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_
#define SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_

#include <atomic>

#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "services/rpc/calls.h"
#include "services/rpc/engines.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::rpc {

// One per listener. Checks the request's shape, asks the engine, fills the answer. References must outlive this.
class CertAuthorityService final : public v1::CertAuthority::Service {
 public:
  CertAuthorityService(Listener listener, Calls& calls, Engines& engines)
      : listener_(listener), calls_(calls), engines_(engines) {}

  grpc::Status SignCertificate(grpc::ServerContext* context, const v1::SignCertificateRequest* request,
                               v1::SignCertificateResponse* response) override;
  grpc::Status GetTrustBundle(grpc::ServerContext* context, const v1::GetTrustBundleRequest* request,
                              v1::GetTrustBundleResponse* response) override;
  grpc::Status IssueServiceCertificate(grpc::ServerContext* context, const v1::IssueServiceCertificateRequest* request,
                                       v1::IssueServiceCertificateResponse* response) override;
  grpc::Status IssueClientCertificate(grpc::ServerContext* context, const v1::IssueClientCertificateRequest* request,
                                      v1::IssueClientCertificateResponse* response) override;
  grpc::Status ListProvisioners(grpc::ServerContext* context, const v1::ListProvisionersRequest* request,
                                v1::ListProvisionersResponse* response) override;
  grpc::Status ImportAuthority(grpc::ServerContext* context, const v1::ImportAuthorityRequest* request,
                               v1::ImportAuthorityResponse* response) override;
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
  const Listener listener_;
  Calls& calls_;
  Engines& engines_;
  std::atomic<bool> verifying_ = false;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CERT_AUTHORITY_SERVICE_H_
