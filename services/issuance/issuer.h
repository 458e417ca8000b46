// Prepare → Record → Release. The type of each step's result is the next step's ticket.
#ifndef SIGNET_SERVICES_ISSUANCE_ISSUER_H_
#define SIGNET_SERVICES_ISSUANCE_ISSUER_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/base/random.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"
#include "services/x509/certificate.h"
#include "services/x509/public_key.h"

namespace signet::issuance {

// What an engine above has approved.
struct Approval {
  store::Purpose purpose = store::Purpose::kSlurm;
  std::string authority_id;  // the one that signs; empty: the active one of `purpose`
  store::Profile profile_id = store::Profile::kNode;
  policy::Profile profile;
  policy::LeafNames names;
  x509::PublicKey key;
  std::string daemon;           // CertificateRow::daemon
  std::string identity_key_id;  // nodes only
  uint64_t seq = 0;             // nodes only
};

// Bytes to be signed, linted with a throwaway key's signature. Only Issuer makes one; Record consumes nothing, Release
// consumes it.
class Prepared {
 public:
  const store::CertificateRow& row() const { return row_; }

 private:
  friend class Issuer;
  explicit Prepared(store::CertificateRow row) : row_(std::move(row)) {}
  store::CertificateRow row_;
};

// A certificate that may leave the server.
struct Issued {
  std::string serial;
  std::string chain_pem;  // leaf first, never a self-signed root; a probe's without cross certificates
  absl::Time not_after;
};

// `leaf`, PEM, with what its chain carries above it at `now`: what ended since the authorities were read is left off,
// and of a probe's every cross certificate.
std::string ChainPem(const x509::Certificate& leaf, const authority::Authority& authority, store::Profile profile,
                     absl::Time now);

// Thread-safe. References must outlive this.
class Issuer {
 public:
  static absl::StatusOr<std::unique_ptr<Issuer>> Create(authority::Authorities& authorities, store::Store& store,
                                                        base::Clock& clock, base::Random& random,
                                                        telemetry::Logger& logger);

  // Builds and lints the to-be-signed bytes under the active authority, or the one approved: a probe's may be PREPARED
  // or RETIRED, which is a FAILED_PRECONDITION for every other profile. No lasting effect.
  absl::StatusOr<Prepared> Prepare(const Approval& approval) const;
  // Inserts the record within the caller's transaction. ABORTED, and worth another try, when the authority was rotated
  // away since Prepare: what it would sign might outlive it.
  absl::Status Record(store::Tables& tables, const Prepared& prepared) const;
  // Runs `attempt`, which prepares and records, and, when it is ABORTED, once more with the authorities read again.
  absl::Status WithRetry(absl::FunctionRef<absl::Status()> attempt) const;
  // Call only after the transaction of Record is durable. Signs exactly the recorded bytes, verifies the signature with
  // the authority's certificate, stores the result with a coming commit. FAILED_PRECONDITION when the certificate or
  // the authority was revoked since, which the store is asked right before the signature.
  absl::StatusOr<Issued> Release(Prepared prepared) const;
  // Answers again: the stored certificate, or a signature over the stored bytes when the first was lost.
  // FAILED_PRECONDITION when it is no longer worth having: its authority is neither ACTIVE nor RETIRED, it or its
  // authority is revoked, which the store is asked now, or under a quarter of its life is left.
  absl::StatusOr<Issued> Repeat(const store::CertificateRow& row) const;

 private:
  Issuer(authority::Authorities& authorities, store::Store& store, base::Clock& clock, base::Random& random,
         telemetry::Logger& logger, keys::PrivateKey lint_key);
  absl::StatusOr<std::shared_ptr<const authority::Authority>> SignerOf(const Approval& approval) const;
  absl::Status CheckStands(const store::CertificateRow& row) const;
  authority::Authorities& authorities_;
  store::Store& store_;
  base::Clock& clock_;
  base::Random& random_;
  telemetry::Logger& logger_;
  keys::PrivateKey lint_key_;  // a throwaway: its signature makes lintable certificates and is trusted by nobody
};

}  // namespace signet::issuance

#endif  // SIGNET_SERVICES_ISSUANCE_ISSUER_H_
