// A node's CSR becomes its certificate: the whole use case behind sign_csr.
#ifndef SIGNET_SERVICES_ENROLLMENT_NODE_CERTIFICATES_H_
#define SIGNET_SERVICES_ENROLLMENT_NODE_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/enrollment/gatekeeper.h"
#include "services/enrollment/pod_reviewer.h"
#include "services/enrollment/request_limits.h"
#include "services/issuance/issuer.h"

namespace signet::enrollment {

struct Signed {
  issuance::Issued issued;
  bool repeated = false;
};

// Thread-safe. References must outlive this.
class NodeCertificates {
 public:
  // `pods` is null where Kubernetes is not configured.
  NodeCertificates(Gatekeeper& gatekeeper, issuance::Issuer& issuer, audit::AuditLog& audit, store::Store& store,
                   policy::Profile node_profile, RequestLimits& limits, PodReviewer* pods);

  // Parse → examine → prepare → one transaction {admit, record, audit} → sign → release. On refusal nothing is issued;
  // the caller (rpc) audits it.
  absl::StatusOr<Signed> Sign(absl::string_view csr_pem, const audit::Origin& origin);
  // validate_node: no side effects.
  absl::Status Validate(absl::string_view node, absl::string_view script_token);
  // The CN of a CSR if one can be read, for audit records of refusals; else "".
  static std::string SubjectForAudit(absl::string_view csr_pem);

 private:
  Gatekeeper& gatekeeper_;
  issuance::Issuer& issuer_;
  audit::AuditLog& audit_;
  store::Store& store_;
  policy::Profile node_profile_;
  RequestLimits& limits_;
  PodReviewer* const pods_;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_NODE_CERTIFICATES_H_
