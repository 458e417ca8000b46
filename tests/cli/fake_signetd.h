// A small signetd in this process: real keys, certificates and bundles, tokens in a map. What a test wants to go wrong
// is a field.
#ifndef SIGNET_TESTS_CLI_FAKE_SIGNETD_H_
#define SIGNET_TESTS_CLI_FAKE_SIGNETD_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/base/mutex.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {

class FakeSignetd final : public v1::CertAuthority::Service, public v1::NodeEnrollment::Service {
 public:
  // Listens on `socket_path`. `now` dates what it issues.
  FakeSignetd(const std::string& socket_path, absl::Time now);
  ~FakeSignetd() override { Stop(); }
  void Stop();
  // The same over TLS on this host, for callers with a certificate of its authority: "127.0.0.1:<port>".
  std::string ListenTls();

  // Handlers hold it; a test that takes it between its own steps and a call orders them for the thread sanitizer.
  base::Mutex mutex;

  // Set before the call that it is about.
  grpc::Status refusal;            // every call ends with it when it is not OK
  std::string blocked_for_tokens;  // CreateTokens calls that name this node are refused
  int lose_replies_after = -1;     // CreateTokens calls that register before replies get lost; -1: none is lost
  bool answer_for_another_key = false;
  std::string answer_for_another_name;
  bool sign_by_stranger = false;
  absl::Duration leaf_age = absl::Hours(1);
  v1::GetStatusResponse status;
  v1::ListNodesResponse nodes;
  v1::ListAuditRecordsResponse records;
  v1::VerifyAuditResponse verdict;
  v1::ListProvisionersResponse provisioners;
  std::map<std::string, v1::ExplainNodeResponse> explanations;  // by node
  std::map<std::string, v1::GetTokenResponse> token_histories;  // by id
  v1::GetRotationStatusResponse rotation;
  std::vector<v1::GetRotationStatusResponse> rotation_later;  // what it becomes, one call after the other
  int rotation_calls_until_away = 1;                          // GetRotationStatus calls before it is away
  int rotation_calls_away = 0;                                // and for so many
  std::vector<v1::RotationBlocker> gate;                      // keep it closed
  std::string crl_pem;
  std::string renewed_uri;  // of a certificate by RenewClientCertificate
  bool refuse_reports = false;
  int page_size = 2;                // pages are small, so that lists have several
  int audit_calls_until_away = -1;  // ListAuditRecords calls before it answers UNAVAILABLE

  std::map<std::string, v1::Token> tokens;     // by id
  int create_calls = 0;                        // CreateTokens calls that were not dry runs
  int calls = 0;                               // BlockNodes, UnblockNodes, ForgetNodes, RevokeTokens
  std::map<std::string, std::string> blocked;  // reasons, by node
  std::vector<std::string> forgotten;
  v1::ApproveNodeRequest approved;
  v1::IssueClientCertificateRequest client;         // the last one
  std::vector<x509::Certificate> anchors;           // imported
  std::vector<v1::ImportAuthorityRequest> imports;  // dry runs too
  std::vector<v1::AuthorityRequest> requests;       // of CreateSubordinate
  v1::PrepareAuthorityRequest prepared;
  std::vector<v1::ChangeAuthorityRequest> changed;        // dry runs too
  std::vector<v1::ReplaceStolenAuthorityRequest> stolen;  // dry runs too
  std::vector<v1::AcknowledgeHostsRequest> acknowledged;
  std::vector<v1::RevokeCertificatesRequest> revoked;  // dry runs too
  std::vector<v1::HostReport> reports;
  v1::RecoverBundleRequest recovered;
  int services_issued = 0;
  // The Slurm authority that signs.
  const x509::Certificate& root() const { return authority_.root; }
  // A certificate of a service as the documented scripts would have made it.
  std::string LeafOfStranger(const std::string& name);
  const x509::Certificate& stranger() const { return stranger_.root; }
  std::string pin() const;

  static grpc::Status Refuse(grpc::StatusCode code, const std::string& reason, const std::string& message,
                             const std::string& next);

  grpc::Status GetTrustBundle(grpc::ServerContext*, const v1::GetTrustBundleRequest*,
                              v1::GetTrustBundleResponse*) override;
  grpc::Status IssueServiceCertificate(grpc::ServerContext*, const v1::IssueServiceCertificateRequest*,
                                       v1::IssueServiceCertificateResponse*) override;
  grpc::Status IssueClientCertificate(grpc::ServerContext*, const v1::IssueClientCertificateRequest*,
                                      v1::IssueClientCertificateResponse*) override;
  grpc::Status ListCertificates(grpc::ServerContext*, const v1::ListCertificatesRequest*,
                                v1::ListCertificatesResponse*) override;
  grpc::Status GetCertificate(grpc::ServerContext*, const v1::GetCertificateRequest*,
                              v1::GetCertificateResponse*) override;
  grpc::Status ListAuthorities(grpc::ServerContext*, const v1::ListAuthoritiesRequest*,
                               v1::ListAuthoritiesResponse*) override;
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::GetStatusResponse*) override;
  grpc::Status ListAuditRecords(grpc::ServerContext*, const v1::ListAuditRecordsRequest*,
                                v1::ListAuditRecordsResponse*) override;
  grpc::Status VerifyAudit(grpc::ServerContext*, const v1::VerifyAuditRequest*, v1::VerifyAuditResponse*) override;
  grpc::Status CreateTokens(grpc::ServerContext*, const v1::CreateTokensRequest*, v1::CreateTokensResponse*) override;
  grpc::Status ListTokens(grpc::ServerContext*, const v1::ListTokensRequest*, v1::ListTokensResponse*) override;
  grpc::Status RevokeTokens(grpc::ServerContext*, const v1::RevokeTokensRequest*, v1::RevokeTokensResponse*) override;
  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*, v1::ListNodesResponse*) override;
  grpc::Status GetNode(grpc::ServerContext*, const v1::GetNodeRequest*, v1::GetNodeResponse*) override;
  grpc::Status ApproveNode(grpc::ServerContext*, const v1::ApproveNodeRequest*, v1::ApproveNodeResponse*) override;
  grpc::Status BlockNodes(grpc::ServerContext*, const v1::BlockNodesRequest*, v1::BlockNodesResponse*) override;
  grpc::Status ExplainNode(grpc::ServerContext*, const v1::ExplainNodeRequest*, v1::ExplainNodeResponse*) override;
  grpc::Status ForgetNodes(grpc::ServerContext*, const v1::ForgetNodesRequest*, v1::ForgetNodesResponse*) override;
  grpc::Status GetToken(grpc::ServerContext*, const v1::GetTokenRequest*, v1::GetTokenResponse*) override;
  grpc::Status ImportAuthority(grpc::ServerContext*, const v1::ImportAuthorityRequest*,
                               v1::ImportAuthorityResponse*) override;
  grpc::Status CreateSubordinate(grpc::ServerContext*, const v1::CreateSubordinateRequest*,
                                 v1::CreateSubordinateResponse*) override;
  grpc::Status PrepareAuthority(grpc::ServerContext*, const v1::PrepareAuthorityRequest*,
                                v1::PrepareAuthorityResponse*) override;
  grpc::Status ChangeAuthority(grpc::ServerContext*, const v1::ChangeAuthorityRequest*,
                               v1::ChangeAuthorityResponse*) override;
  grpc::Status ReplaceStolenAuthority(grpc::ServerContext*, const v1::ReplaceStolenAuthorityRequest*,
                                      v1::ReplaceStolenAuthorityResponse*) override;
  grpc::Status GetRotationStatus(grpc::ServerContext*, const v1::GetRotationStatusRequest*,
                                 v1::GetRotationStatusResponse*) override;
  grpc::Status AcknowledgeHosts(grpc::ServerContext*, const v1::AcknowledgeHostsRequest*,
                                v1::AcknowledgeHostsResponse*) override;
  grpc::Status ReportHost(grpc::ServerContext*, const v1::ReportHostRequest*, v1::ReportHostResponse*) override;
  grpc::Status RecoverBundle(grpc::ServerContext*, const v1::RecoverBundleRequest*,
                             v1::RecoverBundleResponse*) override;
  grpc::Status RevokeCertificates(grpc::ServerContext*, const v1::RevokeCertificatesRequest*,
                                  v1::RevokeCertificatesResponse*) override;
  grpc::Status GetRevocationList(grpc::ServerContext*, const v1::GetRevocationListRequest*,
                                 v1::GetRevocationListResponse*) override;
  grpc::Status RenewClientCertificate(grpc::ServerContext*, const v1::RenewClientCertificateRequest*,
                                      v1::RenewClientCertificateResponse*) override;
  grpc::Status ListProvisioners(grpc::ServerContext*, const v1::ListProvisionersRequest*,
                                v1::ListProvisionersResponse*) override;
  grpc::Status UnblockNodes(grpc::ServerContext*, const v1::UnblockNodesRequest*, v1::UnblockNodesResponse*) override;

 private:
  struct Issuer {
    keys::PrivateKey key;
    x509::Certificate root;
  };
  static Issuer MakeIssuer(const std::string& name, absl::Time now);
  v1::Authority Active() const;
  std::vector<x509::Certificate> Trusted() const;
  v1::SignedBundle SignedBundle() const;
  std::string Leaf(const std::string& csr_pem, const std::string& uri, std::string* serial);

  const absl::Time now_;
  const Issuer authority_;
  const Issuer stranger_;
  const keys::PrivateKey bundle_key_;
  std::vector<v1::CertificateRecord> certificates_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::Server> tls_server_;
};

}  // namespace signet::cli

#endif  // SIGNET_TESTS_CLI_FAKE_SIGNETD_H_
