// CertAuthorityService: authorities from elsewhere, and those whose certificate comes from elsewhere.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/authority/import.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/rpc/cert_authority_service.h"
#include "services/rpc/convert.h"
#include "services/rpc/convert_rotation.h"
#include "services/rpc/limits.h"

namespace signet::rpc {
namespace {

constexpr Method kImport = {"signet.v1.CertAuthority.ImportAuthority", "authority.import"};
constexpr Method kCreateSubordinate = {"signet.v1.CertAuthority.CreateSubordinate", "authority.request"};

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

// The key, out of the message and of its buffer. The message was received into memory that gRPC owns, and this call is
// the last to read it.
base::SecretBytes TakeKey(const v1::ImportAuthorityRequest& request) {
  auto& received = const_cast<v1::ImportAuthorityRequest&>(request);
  return base::SecretBytes::Take(*received.mutable_key_pem());
}

absl::Status CheckShape(const v1::ImportAuthorityRequest& request, const base::SecretBytes& key, Listener listener) {
  // The key of a CA belongs on no wire, and whoever holds it can be on the head node.
  if (!key.empty() && listener != Listener::kAdminSocket) {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kAccessDenied,
                         "key_pem: a private key is taken on the admin socket only",
                         "on signetd's host, as root: signetctl authority import FILE --ca-key KEYFILE");
  }
  if (key.size() > kMaxCertificateBytes) {
    return Malformed(absl::StrCat("key_pem has ", key.size(), " bytes; the limit is ", kMaxCertificateBytes));
  }
  if (request.chain_pem().empty()) {
    return CheckLength("certificate_pem", request.certificate_pem(), kMaxCertificateBytes, true);
  }
  if (!request.certificate_pem().empty() || !key.empty()) {
    return Malformed("chain_pem must be alone: the key of its first certificate is here");
  }
  return CheckLength("chain_pem", request.chain_pem(), kMaxCertificateBytes, true);
}

}  // namespace

absl::Status CertAuthorityService::ImportRoot(const v1::ImportAuthorityRequest& request, const audit::Origin& origin,
                                              v1::ImportAuthorityResponse* response) {
  SIGNET_ASSIGN_OR_RETURN(
      const authority::ImportedAnchor imported,
      authority::ImportAnchor(engines_.cluster, request.certificate_pem(), request.dry_run(), engines_.store,
                              engines_.custody, engines_.authorities, engines_.audit, engines_.clock, origin));
  response->set_bundle_generation(imported.bundle_generation);
  response->set_changed(imported.changed);
  if (const auto listed = engines_.authorities.Find(imported.id); listed.ok()) {
    *response->mutable_authority() = ToProto(**listed, true);
    return absl::OkStatus();
  }
  // A dry run leaves nothing in the list to show.
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate root, x509::Certificate::FromPem(request.certificate_pem()));
  *response->mutable_authority() = ToProto(
      {imported.id, store::Purpose::kSlurm, store::AuthorityState::kRetired, root, nullptr, {}, root, {}}, true);
  return absl::OkStatus();
}

absl::Status CertAuthorityService::Import(const v1::ImportAuthorityRequest& request, base::SecretBytes key,
                                          const audit::Origin& origin, v1::ImportAuthorityResponse* response) {
  SIGNET_RETURN_IF_ERROR(CheckShape(request, key, listener_));
  if (request.chain_pem().empty() && key.empty()) return ImportRoot(request, origin, response);
  auto imported =
      request.chain_pem().empty()
          ? engines_.rotation.ImportWithKey({request.certificate_pem(), std::move(key), request.dry_run()}, origin)
          : engines_.rotation.ImportSubordinate({request.chain_pem(), request.dry_run()}, origin);
  SIGNET_RETURN_IF_ERROR(imported.status());
  *response->mutable_authority() = ToProto(imported->authority, true);
  *response->mutable_plan() = ToProto(imported->plan);
  response->set_bundle_generation(imported->plan.bundle_generation);
  response->set_changed(imported->changed);
  return absl::OkStatus();
}

grpc::Status CertAuthorityService::ImportAuthority(grpc::ServerContext* context,
                                                   const v1::ImportAuthorityRequest* request,
                                                   v1::ImportAuthorityResponse* response) {
  base::SecretBytes key = TakeKey(*request);
  const auto import = [&](const audit::Origin& origin) { return Import(*request, std::move(key), origin, response); };
  return calls_.Run(ArrivalOf(listener_, *context), kImport, NoSubject, import);
}

grpc::Status CertAuthorityService::CreateSubordinate(grpc::ServerContext* context,
                                                     const v1::CreateSubordinateRequest* request,
                                                     v1::CreateSubordinateResponse* response) {
  const auto create = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("subject", request->subject(), kMaxSubjectBytes, true));
    SIGNET_ASSIGN_OR_RETURN(const authority::Requested requested,
                            engines_.rotation.RequestSubordinate({request->subject(), request->dry_run()}, origin));
    *response->mutable_plan() = ToProto(requested.plan);
    response->set_changed(requested.changed);
    if (requested.request.has_value()) *response->mutable_request() = ToProto(*requested.request);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kCreateSubordinate, [request] { return Subject{request->subject()}; }, create);
}

}  // namespace signet::rpc
