// A node's CSR becomes its certificate: the whole use case behind sign_csr.
#ifndef SIGNET_SERVICES_ENROLLMENT_NODE_CERTIFICATES_H_
#define SIGNET_SERVICES_ENROLLMENT_NODE_CERTIFICATES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/enrollment/gatekeeper.h"
#include "services/enrollment/pod_reviewer.h"
#include "services/enrollment/request_limits.h"
#include "services/issuance/issuer.h"
#include "services/x509/public_key.h"

namespace signet::enrollment {

// What a node's request may measure, before anything in it is looked at.
inline constexpr std::size_t kMaxNodeCsrBytes = 64 * 1024;
inline constexpr std::size_t kMaxScriptTokenBytes = 64 * 1024;
inline constexpr std::size_t kMaxNodeNameBytes = 253;

struct Signed {
  issuance::Issued issued;
  bool repeated = false;
};

// Whom a request is about, for audit records and for `node explain`. Read from the request itself: a name to file it
// under, and no proof of anything.
struct AuditSubject {
  std::string node;    // the CSR's CN, or validate_node's first argument; may be empty, or no NodeName
  std::string key_id;  // of the identity key that signed the statement; empty when none could be read
};

// Thread-safe. References must outlive this.
//
// Whoever asks proves itself first, and is then limited: what proves nothing shares one limit, which sheds nothing but
// that; what proved to be a node spends the limit of its key, refusals and repeats included, before any work or write.
// A Kubernetes token is looked at only when nothing else admits an unknown identity key, and not while the shared limit
// is spent: each question whose answer is no spends it.
class NodeCertificates {
 public:
  // `pods` is null where Kubernetes is not configured.
  NodeCertificates(Gatekeeper& gatekeeper, issuance::Issuer& issuer, audit::AuditLog& audit, store::Store& store,
                   policy::Profile node_profile, RequestLimits& limits, PodReviewer* pods);

  // Measure → parse → examine → judge → prepare → one transaction {admit, record, audit} → sign → release. On refusal
  // nothing is issued; the caller (rpc) audits it. base::IsProven tells whether the requester proved to be the node it
  // names.
  absl::StatusOr<Signed> Sign(absl::string_view csr_pem, const audit::Origin& origin);
  // validate_node: no side effects.
  absl::Status Validate(absl::string_view node, absl::string_view script_token);

  // Of what is too large to be looked at: the second argument, if any, and no key.
  static AuditSubject AboutRequest(absl::string_view csr_pem);
  static AuditSubject AboutScriptToken(absl::string_view node, absl::string_view script_token);

 private:
  // Judges on a snapshot, asks Kubernetes where that may help, and takes the request from the limits.
  absl::StatusOr<Admission> Hear(Claim& claim);
  absl::StatusOr<Judgment> JudgeOnSnapshot(const Claim& claim) const;
  absl::Status ReviewPod(Claim& claim);
  // The rest of Sign, for whom the ledger admits.
  absl::StatusOr<Signed> Answer(const Claim& claim, const x509::PublicKey& key, Admission admission,
                                const audit::Origin& origin);

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
