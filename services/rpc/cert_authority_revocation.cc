// CertAuthorityService: certificates that stop being trusted before they expire.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/rpc/cert_authority_service.h"
#include "services/rpc/convert.h"
#include "services/rpc/convert_rotation.h"
#include "services/x509/pem.h"

namespace signet::rpc {
namespace {

constexpr Method kRevoke = {"signet.v1.CertAuthority.RevokeCertificates", "certificate.revoke"};
constexpr Method kGetList = {"signet.v1.CertAuthority.GetRevocationList", "revocation.list", false};

// RFC 7468 section 6.
constexpr char kRevocationListLabel[] = "X509 CRL";

}  // namespace

grpc::Status CertAuthorityService::RevokeCertificates(grpc::ServerContext* context,
                                                      const v1::RevokeCertificatesRequest* request,
                                                      v1::RevokeCertificatesResponse* response) {
  const auto subject = [request] {
    return Subject{absl::StrCat(absl::StrJoin(request->serials(), ","), absl::StrJoin(request->nodes(), ","),
                                request->authority_id())};
  };
  const auto revoke = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(revocation::Request asked, FromProto(*request));
    if (!asked.authority_id.empty()) {
      SIGNET_ASSIGN_OR_RETURN(asked.authority_id, AuthorityId(asked.authority_id));
    }
    SIGNET_ASSIGN_OR_RETURN(const revocation::Revoked revoked, engines_.revocation.Revoke(asked, origin));
    response->set_revoked(revoked.certificates);
    response->set_identities_ended(revoked.identities_ended);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kRevoke, subject, revoke);
}

grpc::Status CertAuthorityService::GetRevocationList(grpc::ServerContext* context,
                                                     const v1::GetRevocationListRequest* request,
                                                     v1::GetRevocationListResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    std::string id;
    if (!request->authority_id().empty()) {
      SIGNET_ASSIGN_OR_RETURN(id, AuthorityId(request->authority_id()));
    }
    SIGNET_ASSIGN_OR_RETURN(const store::RevocationListRow list, engines_.revocation.List(id));
    response->set_crl_pem(x509::EncodePem(kRevocationListLabel, list.der));
    response->set_number(list.number);
    response->set_entries(list.entries);
    *response->mutable_next_update() = ToProto(list.next_update);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kGetList, NoSubject, get);
}

}  // namespace signet::rpc
