// Service certificates that signetd itself keeps where the service finds them, such as in a Kubernetes Secret.
#ifndef SIGNET_SERVICES_ISSUANCE_KEPT_CERTIFICATES_H_
#define SIGNET_SERVICES_ISSUANCE_KEPT_CERTIFICATES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/base/secret_bytes.h"
#include "services/issuance/issuer.h"
#include "services/issuance/named_certificates.h"
#include "services/keys/private_key.h"
#include "services/store/store.h"

namespace signet::issuance {

// A certificate and its key, PEM; both empty where there is nothing.
struct Pair {
  std::string chain_pem;  // leaf first
  base::SecretBytes key_pem;
};

enum class Due { kNothing = 1, kChain = 2, kCertificate = 3 };

// What a place lacks.
struct Finding {
  Due due = Due::kCertificate;
  std::string why;        // for a person; empty when nothing is due
  std::string chain_pem;  // kChain: the same leaf, with what belongs above it now
};

// Who says that a key was never handed over.
enum class Word {
  kPlaces = 1,  // the place: whoever may write it may say so of any key
  kOwn = 2,     // this process, which made the key and never sent it
};

// A place's word counts this long after the certificate was issued.
inline constexpr absl::Duration kWordCounts = absl::Hours(1);

// The place itself is the truth, so that nothing has to be remembered: not across a restart, not by another server. Who
// writes a place says first, in the place, which key is next, then issues, then writes key and certificate and takes
// the word back in one step. A word that is still there names a key that nobody has: a kill in between costs one
// certificate, which Abandon() ends, so that no gate of a rotation waits for whoever might serve it. Thread-safe.
// References must outlive this.
class KeptCertificates {
 public:
  KeptCertificates(NamedCertificates& certificates, const authority::Authorities& authorities,
                   const audit::AuditLog& audit, store::Store& store, const base::Clock& clock)
      : certificates_(certificates), authorities_(authorities), audit_(audit), store_(store), clock_(clock) {}

  // A new certificate is due when there is none, when it cannot be read, is not its key's, was not issued here for
  // `service` by the authority that is active now, is revoked, or two thirds of its life are over; a new chain when
  // only what stands above the leaf is another. An error when the store or the list of authorities cannot say.
  absl::StatusOr<Finding> Examine(absl::string_view service, const Pair& found) const;

  // Issues for `key`, as NamedCertificates::IssueService does: recorded and audited.
  absl::StatusOr<Pair> Issue(absl::string_view service, const keys::PrivateKey& key, const audit::Origin& origin);

  // Ends the certificate of a key that was never written to its place: revoked as superseded, and audited as
  // "certificate.revoke". Its serial; empty when none of `service` was issued for this key, when it has ended, or when
  // a report or a probe saw it served. A place's word ends the newest certificate of `service` only, and within
  // kWordCounts: of an older one somebody may have forged the word, and a rotation's gates go on waiting for it.
  // `spki_sha256`: raw.
  absl::StatusOr<std::string> Abandon(absl::string_view service, absl::string_view spki_sha256, Word word,
                                      const audit::Origin& origin);

 private:
  NamedCertificates& certificates_;
  const authority::Authorities& authorities_;
  const audit::AuditLog& audit_;
  store::Store& store_;
  const base::Clock& clock_;
};

}  // namespace signet::issuance

#endif  // SIGNET_SERVICES_ISSUANCE_KEPT_CERTIFICATES_H_
