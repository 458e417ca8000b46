// Judges evidence against the ledger.
#ifndef SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_
#define SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/clock.h"
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

 private:
  friend class Gatekeeper;
  explicit Claim(evidence::SignedStatement signed_statement) : signed_(std::move(signed_statement)) {}
  evidence::SignedStatement signed_;
};

// How a claim was admitted.
struct Admission {
  bool repeat = false;           // the same request again: give the stored answer, write nothing
  store::CertificateRow answer;  // set when repeat
  bool newest = true;         // false: a repeat of an older request; its answer may be given again, but never replaced
  bool host_changed = false;  // the live key now speaks from another machine id: a cloned image is likely
  bool new_identity = false;  // this key was admitted now
  int superseded = 0;         // identity keys that ended with it
  std::string evidence;       // "identity", "single-use", "boot", "reusable", "lab"
  std::string token_id;
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
  absl::StatusOr<Admission> Judge(const store::Tables& tables, const Claim& claim) const;

  // Judges and changes the ledger: admits a new identity key (superseding older ones), marks the token used, moves seq
  // and what the node reported. A repeat changes nothing. The caller records the certificate in the same transaction
  // and then calls SetCertificate.
  absl::StatusOr<Admission> Admit(store::Tables& tables, const Claim& claim) const;
  absl::Status SetCertificate(store::Tables& tables, const Claim& claim, const store::CertificateRow& row) const;

 private:
  std::string cluster_;
  base::Clock& clock_;
};

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_GATEKEEPER_H_
