#include "services/rpc/cert_authority_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/rpc/caller.h"
#include "services/rpc/convert.h"
#include "services/rpc/describe_authority.h"
#include "services/rpc/limits.h"
#include "services/rpc/page.h"
#include "services/rpc/reply_status.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

constexpr Method kSignCertificate = {"signet.v1.CertAuthority.SignCertificate", "certificate.sign", true, true};
constexpr Method kGetTrustBundle = {"signet.v1.CertAuthority.GetTrustBundle", "bundle.get", false};
constexpr Method kIssueService = {"signet.v1.CertAuthority.IssueServiceCertificate", "certificate.sign"};
constexpr Method kIssueClient = {"signet.v1.CertAuthority.IssueClientCertificate", "certificate.sign"};
constexpr Method kRenewClient = {"signet.v1.CertAuthority.RenewClientCertificate", "certificate.sign"};
constexpr Method kListProvisioners = {"signet.v1.CertAuthority.ListProvisioners", "provisioner.list", false};
constexpr Method kListCertificates = {"signet.v1.CertAuthority.ListCertificates", "certificate.list", false};
constexpr Method kGetCertificate = {"signet.v1.CertAuthority.GetCertificate", "certificate.get", false};
constexpr Method kListAuthorities = {"signet.v1.CertAuthority.ListAuthorities", "authority.list", false};
constexpr Method kGetStatus = {"signet.v1.CertAuthority.GetStatus", "status.get", false};
constexpr Method kListAudit = {"signet.v1.CertAuthority.ListAuditRecords", "audit.list", false};
constexpr Method kVerifyAudit = {"signet.v1.CertAuthority.VerifyAudit", "audit.verify", false};

constexpr char kCertificateList[] = "certificates";
constexpr absl::string_view kServices[] = {"slurmctld", "slurmdbd", "slurmrestd"};

absl::Status ReadBundle(const store::Store& store, v1::SignedBundle* signed_bundle) {
  return store.Read([signed_bundle](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const store::BundleRow row, tables.bundles().Newest());
    if (signed_bundle->ParseFromString(row.signed_bundle)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("stored bundle ", row.generation, " does not parse"));
  });
}

void CountCertificate(telemetry::Metrics& metrics, absl::string_view profile, const absl::Status& status) {
  metrics.CountCertificate(profile, status.ok() ? "issued" : ReasonFor(status));
}

std::string ControlAnchors(const authority::Authorities& authorities) {
  std::string pem;
  for (const x509::Certificate& anchor : authorities.Anchors(store::Purpose::kControl)) pem += anchor.pem();
  return pem;
}

absl::Status FillServices(const store::Tables& tables, v1::GetStatusResponse* response) {
  for (const absl::string_view service : kServices) {
    const auto newest = tables.certificates().Newest(store::Profile::kService, service);
    if (absl::IsNotFound(newest.status())) continue;
    SIGNET_RETURN_IF_ERROR(newest.status());
    v1::ServiceStatus* status = response->add_services();
    status->set_service(std::string(service));
    *status->mutable_not_after() = ToProto(newest->not_after);
  }
  return absl::OkStatus();
}

absl::Status FillStatus(const store::Tables& tables, absl::Time now, v1::GetStatusResponse* response) {
  SIGNET_ASSIGN_OR_RETURN(const store::NodeCounts nodes, tables.nodes().Count(now));
  SIGNET_ASSIGN_OR_RETURN(const int64_t tokens, tables.tokens().CountOpen(now));
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, tables.bundles().Newest());
  SIGNET_ASSIGN_OR_RETURN(const store::KeyRow bundle_key, tables.authorities().FindKey("bundle"));
  response->set_nodes_enrolled(nodes.enrolled);
  response->set_nodes_certified(nodes.certified);
  response->set_first_lost_node(nodes.first_lost);
  if (!nodes.first_lost.empty()) *response->mutable_first_lost_at() = ToProto(nodes.first_lost_at);
  response->set_tokens_open(tokens);
  response->set_bundle_generation(bundle.generation);
  response->set_bundle_pin(absl::BytesToHexString(x509::Sha256(bundle_key.spki_der)));
  return FillServices(tables, response);
}

// The sequence after which a page of `limit` begins.
absl::StatusOr<uint64_t> FirstOfNewest(const store::Tables& tables, int limit) {
  const auto last = tables.audit().Last();
  if (absl::IsNotFound(last.status())) return uint64_t{0};
  SIGNET_RETURN_IF_ERROR(last.status());
  const auto count = static_cast<uint64_t>(limit);
  return last->sequence > count ? last->sequence - count : uint64_t{0};
}

}  // namespace

grpc::Status CertAuthorityService::SignCertificate(grpc::ServerContext* context,
                                                   const v1::SignCertificateRequest* request,
                                                   v1::SignCertificateResponse* response) {
  const auto subject = [request] {
    const auto about = enrollment::NodeCertificates::AboutRequest(request->csr_pem());
    return Subject{about.node, about.node, about.key_id};
  };
  const auto sign = [&](const audit::Origin& origin) -> absl::Status {
    const auto answer = engines_.node_certificates.Sign(request->csr_pem(), origin);
    engines_.metrics.CountCertificate("node", !answer.ok()       ? ReasonFor(answer.status())
                                              : answer->repeated ? "repeated"
                                                                 : "issued");
    // Only after the answer is made: a report waits for the disk.
    if (request->has_report()) reports_.Take(request->report(), origin);
    SIGNET_RETURN_IF_ERROR(answer.status());
    response->set_certificate_chain_pem(answer->issued.chain_pem);
    response->set_serial(answer->issued.serial);
    response->set_repeated(answer->repeated);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kSignCertificate, subject, sign);
}

grpc::Status CertAuthorityService::GetTrustBundle(grpc::ServerContext* context, const v1::GetTrustBundleRequest*,
                                                  v1::GetTrustBundleResponse* response) {
  return calls_.Run(ArrivalOf(listener_, *context), kGetTrustBundle, NoSubject, [&](const audit::Origin&) {
    return ReadBundle(engines_.store, response->mutable_signed_bundle());
  });
}

grpc::Status CertAuthorityService::IssueServiceCertificate(grpc::ServerContext* context,
                                                           const v1::IssueServiceCertificateRequest* request,
                                                           v1::IssueServiceCertificateResponse* response) {
  const auto subject = [request] { return Subject{request->service()}; };
  const auto issue = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("service", request->service(), kMaxNameBytes, true));
    SIGNET_RETURN_IF_ERROR(CheckLength("csr_pem", request->csr_pem(), kMaxCsrBytes, true));
    // First what can fail without a trace: a certificate that was issued and not delivered is waste.
    SIGNET_RETURN_IF_ERROR(ReadBundle(engines_.store, response->mutable_signed_bundle()));
    const auto issued = engines_.named_certificates.IssueService(request->service(), request->csr_pem(), origin);
    CountCertificate(engines_.metrics, "service", issued.status());
    SIGNET_RETURN_IF_ERROR(issued.status());
    response->set_certificate_chain_pem(issued->chain_pem);
    response->set_serial(issued->serial);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kIssueService, subject, issue);
}

grpc::Status CertAuthorityService::IssueClientCertificate(grpc::ServerContext* context,
                                                          const v1::IssueClientCertificateRequest* request,
                                                          v1::IssueClientCertificateResponse* response) {
  const auto subject = [request] { return Subject{absl::StrCat(RoleName(request->role()), "/", request->name())}; };
  const auto issue = [&](const audit::Origin& origin) -> absl::Status {
    const std::string role = RoleName(request->role());
    if (role.empty()) {
      return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                           "role is unset or one that a certificate cannot carry",
                           "controller, observer, service, provisioner, auditor or admin");
    }
    SIGNET_RETURN_IF_ERROR(CheckLength("name", request->name(), kMaxNameBytes, true));
    SIGNET_RETURN_IF_ERROR(CheckLength("nodes", request->nodes(), kMaxHostlistBytes, false));
    SIGNET_RETURN_IF_ERROR(CheckLength("csr_pem", request->csr_pem(), kMaxCsrBytes, true));
    const auto issued =
        engines_.named_certificates.IssueClient(role, request->name(), request->nodes(), request->csr_pem(), origin);
    CountCertificate(engines_.metrics, "control", issued.status());
    SIGNET_RETURN_IF_ERROR(issued.status());
    response->set_certificate_chain_pem(issued->chain_pem);
    response->set_serial(issued->serial);
    response->set_control_ca_pem(ControlAnchors(engines_.authorities));
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kIssueClient, subject, issue);
}

grpc::Status CertAuthorityService::RenewClientCertificate(grpc::ServerContext* context,
                                                          const v1::RenewClientCertificateRequest* request,
                                                          v1::RenewClientCertificateResponse* response) {
  const auto renew = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("csr_pem", request->csr_pem(), kMaxCsrBytes, true));
    const auto issued = engines_.named_certificates.RenewClient(request->csr_pem(), origin);
    CountCertificate(engines_.metrics, "control", issued.status());
    SIGNET_RETURN_IF_ERROR(issued.status());
    response->set_certificate_chain_pem(issued->chain_pem);
    response->set_serial(issued->serial);
    response->set_control_ca_pem(ControlAnchors(engines_.authorities));
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kRenewClient, NoSubject, renew);
}

grpc::Status CertAuthorityService::ListProvisioners(grpc::ServerContext* context, const v1::ListProvisionersRequest*,
                                                    v1::ListProvisionersResponse* response) {
  const auto list = [&](const audit::Origin&) {
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ProvisionerRow> rows, tables.provisioners().List());
      for (const store::ProvisionerRow& row : rows) *response->add_provisioners() = ToProto(row);
      return absl::OkStatus();
    });
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListProvisioners, NoSubject, list);
}

grpc::Status CertAuthorityService::ListCertificates(grpc::ServerContext* context,
                                                    const v1::ListCertificatesRequest* request,
                                                    v1::ListCertificatesResponse* response) {
  const auto list = [&](const audit::Origin&) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("subject", request->subject(), kMaxNameBytes, false));
    store::CertificateQuery query;
    query.subject = request->subject();
    SIGNET_ASSIGN_OR_RETURN(query.limit, PageSize(request->page_size()));
    SIGNET_ASSIGN_OR_RETURN(query.after_token, DecodePageToken(kCertificateList, request->page_token()));
    store::CertificatePage page;
    SIGNET_RETURN_IF_ERROR(engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(page, tables.certificates().List(query));
      return absl::OkStatus();
    }));
    for (const store::CertificateRow& row : page.rows) *response->add_certificates() = ToProto(row, false);
    response->set_next_page_token(EncodePageToken(kCertificateList, page.next_token));
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListCertificates, NoSubject, list);
}

grpc::Status CertAuthorityService::GetCertificate(grpc::ServerContext* context,
                                                  const v1::GetCertificateRequest* request,
                                                  v1::GetCertificateResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const std::string serial, SerialFromText(request->serial()));
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const store::CertificateRow row, tables.certificates().Find(serial));
      *response->mutable_certificate() = ToProto(row, true);
      return absl::OkStatus();
    });
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kGetCertificate, [request] { return Subject{request->serial()}; }, get);
}

grpc::Status CertAuthorityService::ListAuthorities(grpc::ServerContext* context, const v1::ListAuthoritiesRequest*,
                                                   v1::ListAuthoritiesResponse* response) {
  const auto list = [&](const audit::Origin&) {
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      for (const auto& authority : engines_.authorities.List()) {
        SIGNET_ASSIGN_OR_RETURN(*response->add_authorities(),
                                DescribeAuthority(tables, *authority, true, engines_.clock.Now()));
      }
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRequestRow> requests,
                              tables.authorities().ListRequests());
      for (const store::AuthorityRequestRow& row : requests) {
        if (!IsEver(row.withdrawn_at)) *response->add_requests() = ToProto(row);
      }
      return absl::OkStatus();
    });
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListAuthorities, NoSubject, list);
}

grpc::Status CertAuthorityService::GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest*,
                                             v1::GetStatusResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    response->set_cluster(engines_.cluster);
    response->set_version(engines_.version);
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      const absl::Time now = engines_.clock.Now();
      for (const auto& authority : engines_.authorities.List()) {
        SIGNET_ASSIGN_OR_RETURN(*response->add_authorities(), DescribeAuthority(tables, *authority, false, now));
      }
      return FillStatus(tables, now, response);
    });
  };
  return calls_.Run(ArrivalOf(listener_, *context), kGetStatus, NoSubject, get);
}

grpc::Status CertAuthorityService::ListAuditRecords(grpc::ServerContext* context,
                                                    const v1::ListAuditRecordsRequest* request,
                                                    v1::ListAuditRecordsResponse* response) {
  const auto list = [&](const audit::Origin&) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size()));
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      uint64_t after = request->after_sequence();
      if (request->newest()) {
        SIGNET_ASSIGN_OR_RETURN(after, FirstOfNewest(tables, limit));
      }
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuditRow> rows, tables.audit().List(after, limit));
      for (const store::AuditRow& row : rows) {
        if (response->add_records()->ParseFromString(row.bytes)) continue;
        return absl::DataLossError(absl::StrCat("audit record ", row.sequence, " does not parse"));
      }
      return absl::OkStatus();
    });
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListAudit, NoSubject, list);
}

grpc::Status CertAuthorityService::VerifyAudit(grpc::ServerContext* context, const v1::VerifyAuditRequest*,
                                               v1::VerifyAuditResponse* response) {
  const auto verify = [&](const audit::Origin&) -> absl::Status {
    // It holds a reader for the whole walk.
    if (verifying_.exchange(true)) {
      return base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded, "a verification is running already",
                           "try again when it has ended");
    }
    const auto done = absl::MakeCleanup([this] { verifying_ = false; });
    SIGNET_ASSIGN_OR_RETURN(const audit::Verdict verdict, engines_.audit.Verify(engines_.store));
    response->set_records(verdict.records);
    response->set_checkpoints(verdict.checkpoints);
    response->set_first_bad_sequence(verdict.first_bad_sequence);
    response->set_fault(verdict.fault);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kVerifyAudit, NoSubject, verify);
}

}  // namespace signet::rpc
