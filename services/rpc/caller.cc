#include "services/rpc/caller.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "grpc/grpc_security_constants.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::rpc {
namespace {

struct NamedRole {
  absl::string_view name;
  v1::Role role;
};
constexpr std::array<NamedRole, 6> kRoles = {{{"controller", v1::ROLE_CONTROLLER},
                                              {"observer", v1::ROLE_OBSERVER},
                                              {"service", v1::ROLE_SERVICE},
                                              {"provisioner", v1::ROLE_PROVISIONER},
                                              {"auditor", v1::ROLE_AUDITOR},
                                              {"admin", v1::ROLE_ADMIN}}};

constexpr absl::string_view kBearer = "Bearer ";

Caller Public(absl::string_view fault) { return {v1::ROLE_PUBLIC, "tls:public", "", std::string(fault)}; }

// One answer, whatever was wrong: who asks about one service account after another learns nothing.
Caller RefusedToken(absl::string_view detail) {
  Caller caller = Public("its bearer token is no controller's or tester's");
  caller.detail = std::string(detail);
  return caller;
}

}  // namespace

v1::Role RoleFromName(absl::string_view name) {
  const auto found = std::find_if(kRoles.begin(), kRoles.end(), [name](const NamedRole& r) { return r.name == name; });
  return found == kRoles.end() ? v1::ROLE_UNSPECIFIED : found->role;
}

std::string RoleName(v1::Role role) {
  if (role == v1::ROLE_TESTER) return kTesterGrant;
  const auto found = std::find_if(kRoles.begin(), kRoles.end(), [role](const NamedRole& r) { return r.role == role; });
  return found == kRoles.end() ? "" : std::string(found->name);
}

Caller CallerOfCertificate(absl::string_view certificate_pem, absl::string_view cluster,
                           const std::vector<x509::Certificate>& anchors, absl::Time now) {
  const auto certificate = x509::Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return Public("its client certificate cannot be read");
  if (const absl::Status chain = x509::VerifyChain(*certificate, {}, anchors, now); !chain.ok()) {
    return Public(absl::StrCat("its client certificate does not hold: ", chain.message()));
  }
  const std::vector<std::string> uris = certificate->uris();
  if (uris.size() != 1) return Public("its client certificate has not exactly one URI name");
  absl::string_view rest = uris[0];
  if (!absl::ConsumePrefix(&rest, "signet://")) return Public("its client certificate names no role");
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, '/');
  if (parts.size() != 3 || parts[2].empty()) return Public("its client certificate names no role");
  if (parts[0] != cluster) return Public("its client certificate is for another cluster");
  const v1::Role role = RoleFromName(parts[1]);
  if (role == v1::ROLE_UNSPECIFIED) return Public("its client certificate names a role without rights here");
  Caller caller{role, absl::StrCat("tls:", uris[0]), std::string(parts[2]), ""};
  caller.serial = certificate->serial();
  return caller;
}

Caller Callers::Identify(Listener listener, const grpc::AuthContext* auth,
                         const std::vector<std::string>& authorization, absl::string_view peer) const {
  switch (listener) {
    case Listener::kAdminSocket:
      return {v1::ROLE_ADMIN, "socket:admin", "", ""};
    case Listener::kControllerSocket:
      return {v1::ROLE_CONTROLLER, "socket:controller", "", ""};
    case Listener::kNetwork:
      break;
  }
  Caller caller = auth == nullptr ? Public("") : OfCertificates(*auth);
  if (caller.role != v1::ROLE_PUBLIC || authorization.empty()) return caller;
  return OfToken(authorization, peer);
}

Caller Callers::OfCertificates(const grpc::AuthContext& auth) const {
  const std::vector<grpc::string_ref> shown = auth.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (shown.empty()) return Public("");
  if (shown.size() != 1) return Public("it shows more than one client certificate");
  const absl::string_view pem(shown[0].data(), shown[0].size());
  Caller caller = CallerOfCertificate(pem, cluster_, authorities_.Anchors(store::Purpose::kControl), clock_.Now());
  if (caller.role == v1::ROLE_PUBLIC) return caller;
  const auto fault = FaultInInventory(pem);
  if (fault.ok() && fault->empty()) return caller;
  if (fault.ok()) return Public(*fault);
  Caller unknown = Public("");
  unknown.undecided = base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                                    "the client certificate could not be judged now", "try again in a second");
  unknown.detail = std::string(fault.status().message());
  return unknown;
}

absl::StatusOr<std::string> Callers::FaultInInventory(absl::string_view certificate_pem) const {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromPem(certificate_pem));
  std::string fault;
  const absl::Status read = store_.Read([&](const store::Tables& tables) -> absl::Status {
    const auto row = tables.certificates().Find(certificate.serial());
    if (!row.ok() && !absl::IsNotFound(row.status())) return row.status();
    if (!row.ok() || row->tbs_der != certificate.tbs_der()) {
      fault =
          "its client certificate is not in the inventory: it was issued after the backup that was restored, or forged";
    } else if (row->state == store::CertificateState::kRevoked) {
      fault = "its client certificate is revoked";
    }
    return absl::OkStatus();
  });
  SIGNET_RETURN_IF_ERROR(read);
  return fault;
}

Caller Callers::OfToken(const std::vector<std::string>& authorization, absl::string_view peer) const {
  if (authorization.size() != 1) return Public("it shows more than one authorization");
  absl::string_view token = authorization[0];
  // RFC 9110 section 11.1: the scheme's name has no case.
  if (!absl::StartsWithIgnoreCase(token, kBearer)) return Public("its authorization is no bearer token");
  token.remove_prefix(kBearer.size());
  if (pods_ == nullptr) return Public("it shows a bearer token, and signetd.yaml has no section kubernetes");
  const auto pod = pods_->Identify(token, peer);
  if (absl::IsUnavailable(pod.status())) {
    Caller caller = Public("");
    caller.undecided = base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable,
                                     "the bearer token could not be judged now", "try again in a second");
    caller.detail = std::string(pod.status().message());
    return caller;
  }
  if (!pod.ok()) return RefusedToken(pod.status().message());
  v1::Role role = v1::ROLE_UNSPECIFIED;
  if (pod->grants == kControllerGrant) role = v1::ROLE_CONTROLLER;
  if (pod->grants == kTesterGrant) role = v1::ROLE_TESTER;
  if (role == v1::ROLE_UNSPECIFIED) {
    return RefusedToken(absl::StrCat("service account ", pod->service_account, " is no controller and no tester"));
  }
  return {role, absl::StrCat("kubernetes:", pod->service_account, "/", pod->name), pod->name, ""};
}

}  // namespace signet::rpc
