#include "cli/revocation_list.h"

#include "cli/authority_choice.h"
#include "services/base/status_macros.h"
#include "services/x509/pem.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr char kLabel[] = "X509 CRL";  // RFC 7468 section 6
constexpr x509::PemLimits kLimits = {.bytes = std::size_t{48} << 20, .blocks = 1};

}  // namespace

absl::StatusOr<v1::GetRevocationListResponse> FetchRevocationList(Session& session, absl::string_view authority) {
  v1::GetRevocationListRequest request;
  if (!authority.empty()) {
    SIGNET_ASSIGN_OR_RETURN(*request.mutable_authority_id(), AuthorityIdOf(authority));
  }
  SIGNET_ASSIGN_OR_RETURN(v1::GetRevocationListResponse list,
                          session.Call(&v1::CertAuthority::Stub::GetRevocationList, request));
  if (!x509::ParseSinglePem(list.crl_pem(), kLabel, kLimits).ok()) {
    return absl::DataLossError("signetd answered with something that is no revocation list; nothing was written");
  }
  return list;
}

}  // namespace signet::cli
