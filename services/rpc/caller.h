// Who is calling.
#ifndef SIGNET_SERVICES_RPC_CALLER_H_
#define SIGNET_SERVICES_RPC_CALLER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/security/auth_context.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/rpc/pod_callers.h"
#include "services/store/store.h"
#include "services/x509/certificate.h"
#include "signet/v1/access.pb.h"

namespace signet::rpc {

// The door a call came through. Each is a gRPC server of its own, since a handler cannot see which socket was used.
enum class Listener { kAdminSocket, kControllerSocket, kNetwork };

// ROLE_PUBLIC for whoever could not show more.
struct Caller {
  v1::Role role = v1::ROLE_UNSPECIFIED;
  // "socket:admin", "socket:controller", "tls:<URI SAN>", "kubernetes:<namespace>/<service account>/<pod>",
  // "tls:public"; into logs and the audit.
  std::string actor;
  // What stands behind the role in the control certificate; empty on a socket and for ROLE_PUBLIC.
  std::string name;
  // Why a certificate or token that was shown counts for nothing; empty when it counts, or none was shown. The caller
  // reads it: it says nothing of signetd's own.
  std::string fault;
  // Not OK when what was shown could not be judged now: the answer, worth a retry, to a call that takes more than
  // ROLE_PUBLIC.
  absl::Status undecided = absl::OkStatus();
  // What stands behind `fault` or `undecided` and is for signetd's log alone, such as what the allow-list says.
  std::string detail = {};
  // Of the control certificate that counts; empty without one.
  std::string serial = {};
};

// The role of a URI SAN's second part; ROLE_UNSPECIFIED for any other word. "public" is no role that a certificate can
// carry.
v1::Role RoleFromName(absl::string_view name);
// "admin" for ROLE_ADMIN; empty for a role that gives nothing. ROLE_TESTER has a name that no certificate carries.
std::string RoleName(v1::Role role);

// Judges a client certificate: it chains to one of `anchors` now, and carries exactly one URI SAN,
// signet://<cluster>/<role>/<name>, of this cluster and a known role. Anything else is ROLE_PUBLIC with a fault.
Caller CallerOfCertificate(absl::string_view certificate_pem, absl::string_view cluster,
                           const std::vector<x509::Certificate>& anchors, absl::Time now);

// Names callers. Thread-safe. References must outlive this.
class Callers {
 public:
  // `pods` is null where Kubernetes is not configured.
  Callers(std::string cluster, const authority::Authorities& authorities, const store::Store& store,
          const base::Clock& clock, PodCallers* pods = nullptr)
      : cluster_(std::move(cluster)), authorities_(authorities), store_(store), clock_(clock), pods_(pods) {}

  // `auth` may be null on a socket. The TLS handshake checked a certificate once; connections and resumed sessions
  // outlive certificates, authorities and revocations, so it is judged again at every call: one that is revoked, or of
  // which the inventory does not have the very bytes, is ROLE_PUBLIC; one of which the store cannot tell is undecided.
  // So a control authority's key alone makes nobody an administrator, and whoever got a certificate after the backup
  // that was restored needs another one. `authorization`: the values of that metadata key. A certificate that counts
  // wins; a bearer token is looked at only on the network listener. `peer`: the address of who sends it, as PodCallers
  // takes it.
  Caller Identify(Listener listener, const grpc::AuthContext* auth, const std::vector<std::string>& authorization = {},
                  absl::string_view peer = "") const;

 private:
  Caller OfCertificates(const grpc::AuthContext& auth) const;
  // Why a certificate that holds gives no role all the same; empty when it does.
  absl::StatusOr<std::string> FaultInInventory(absl::string_view certificate_pem) const;
  Caller OfToken(const std::vector<std::string>& authorization, absl::string_view peer) const;

  std::string cluster_;
  const authority::Authorities& authorities_;
  const store::Store& store_;
  const base::Clock& clock_;
  PodCallers* const pods_;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CALLER_H_
