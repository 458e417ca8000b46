// Judges evidence against the ledger.
#ifndef SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_
#define SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/clock.h"
#include "services/enrollment/pod_reviewer.h"
#include "services/evidence/statement.h"
#include "services/store/store.h"
#include "services/x509/certificate_request.h"

namespace signet::enrollment {

// A statement whose signatures, times, cluster and binding to its CSR hold. Only Gatekeeper makes one, so that what was
// verified is what is used. Who it is remains to be judged against the ledger.
class Claim {
 public:
  const evidence::Statement& statement() const { return signed_.statement(); }
  const evidence::SignedStatement& signed_statement() const { return signed_; }
  // Who holds the Kubernetes token inside the statement; nullopt until ReviewPod succeeded.
  const std::optional<ReviewedPod>& pod() const { return pod_; }
  // Asks about the Kubernetes token inside the statement: no other pod can come into a claim. The call may take a
  // while, so never inside a transaction. Errors as PodReviewer::Review.
  absl::Status ReviewPod(PodReviewer& pods);

 private:
  friend class Gatekeeper;
  explicit Claim(evidence::SignedStatement signed_statement) : signed_(std::move(signed_statement)) {}
  evidence::SignedStatement signed_;
  std::optional<ReviewedPod> pod_;
};

// How a claim was admitted.
struct Admission {
  bool repeat = false;           // the same request again: give the stored answer, write nothing
  store::CertificateRow answer;  // set when repeat
  bool newest = true;            // false: a repeat of an older request; its answer may be given again, never replaced
  // Signs of a second host that holds the live key: admitted, flagged in the ledger and in the audit record.
  bool host_changed = false;     // it speaks from another machine id
  bool boots_alternate = false;  // two boot ids take turns
  bool new_identity = false;     // this key was admitted now
  int superseded = 0;            // identity keys that ended with it
  std::string evidence;          // "identity", or EvidenceKindName of what admitted the new key
  std::string token_id;          // of the token that admitted it
  std::string approved_by;       // who approved it

  bool clone_suspected() const { return host_changed || boots_alternate; }
};

// What the ledger says to a claim.
struct Judgment {
  // Or why not: base::Proven when the requester proved to be the node in whose name it asks, whatever is then refused.
  absl::StatusOr<Admission> admission = absl::InternalError("not judged");
  // Whose limit the request spends: the identity key's id, that of the token that signed for a new key, or the pod's
  // uid. A repeat spends a limit of its own, so that a captured request that is sent again and again does not starve
  // its node's next one. Empty when the requester proved nothing.
  std::string proven_key;
  // Refused, and the pod that holds the statement's Kubernetes token could change that.
  bool wants_pod = false;
};

// Thread-safe and without state: the ledger is in the store.
class Gatekeeper {
 public:
  Gatekeeper(std::string cluster, base::Clock& clock) : cluster_(std::move(cluster)), clock_(clock) {}

  // Everything that needs no ledger. `expected_node`: the CSR's CN, or validate_node's first argument.
  // `csr_spki_sha256`: the CSR's key; nullopt for validate_node, which sees no CSR. EVIDENCE_*, WRONG_CLUSTER,
  // WRONG_NODE, NAME_REFUSED.
  absl::StatusOr<Claim> Examine(absl::string_view signed_statement, absl::string_view expected_node,
                                const std::optional<std::string>& csr_spki_sha256) const;

  // Judges against the ledger without changing it: what validate_node and a dry run ask.
  Judgment Judge(const store::Tables& tables, const Claim& claim) const;

  // Judges and changes the ledger: admits a new identity key (superseding older ones), marks its token used or drops
  // its approval, moves seq and what the node reported. A repeat changes nothing. The caller records the certificate in
  // the same transaction and then calls SetCertificate.
  absl::StatusOr<Admission> Admit(store::Tables& tables, const Claim& claim) const;
  absl::Status SetCertificate(store::Tables& tables, const Claim& claim, const store::CertificateRow& row) const;

 private:
  std::string cluster_;
  base::Clock& clock_;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_
