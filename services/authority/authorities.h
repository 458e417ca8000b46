// The list of authorities of this server.
#ifndef SIGNET_SERVICES_AUTHORITY_AUTHORITIES_H_
#define SIGNET_SERVICES_AUTHORITY_AUTHORITIES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/authority/authority.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/base/random.h"
#include "services/keys/custody.h"
#include "services/store/store.h"

namespace signet::authority {

// How the first authorities are made.
struct FirstStart {
  std::string cluster;
  std::string subject;      // "CN=Slurm CA,O=Example"
  absl::Duration lifetime;  // of both authorities
};

// What the first start made; empty strings when everything existed.
struct Created {
  bool anything = false;
  std::string slurm_authority_id;
  std::string control_authority_id;
  std::string bundle_pin_hex;
};

// Makes, in one transaction, the Slurm authority, the control authority (subject "CN=Signet control <cluster>"), the
// bundle key, the audit key and bundle generation 1, unless they exist. A second server that comes first wins; this one
// then finds them. Audited as "authority.create". FAILED_PRECONDITION when the store belongs to another cluster.
absl::StatusOr<Created> EnsureFirstAuthorities(const FirstStart& first, store::Store& store, keys::Custody& custody,
                                               base::Clock& clock, base::Random& random, telemetry::Logger& logger);

// The key of purpose "bundle" or "audit", opened.
absl::StatusOr<std::shared_ptr<const keys::Signer>> OpenKey(const store::Store& store, keys::Custody& custody,
                                                            absl::string_view purpose);

// The opened authorities. Thread-safe; Reload() swaps the whole list at once.
class Authorities {
 public:
  // Opens every signer, except of imported anchors, and checks that key and certificate match, that the active ones
  // are valid now, and that intermediates and cross certificates are what they are stored as: FAILED_PRECONDITION names
  // the fault and the cure. References must outlive this.
  static absl::StatusOr<std::unique_ptr<Authorities>> Open(store::Store& store, keys::Custody& custody,
                                                           base::Clock& clock);
  // One after the other, so that an older list never replaces a newer one.
  absl::Status Reload();

  // The one that signs; FAILED_PRECONDITION when there is none.
  absl::StatusOr<std::shared_ptr<const Authority>> Active(store::Purpose purpose) const;
  // NOT_FOUND for an id that is not listed.
  absl::StatusOr<std::shared_ptr<const Authority>> Find(absl::string_view id) const;
  // Oldest first.
  std::vector<std::shared_ptr<const Authority>> List() const;
  // What verifies a leaf of this purpose: anchors of PREPARED, ACTIVE and RETIRED authorities, each once.
  std::vector<x509::Certificate> Anchors(store::Purpose purpose) const;

 private:
  Authorities(store::Store& store, keys::Custody& custody, base::Clock& clock)
      : store_(store), custody_(custody), clock_(clock) {}
  store::Store& store_;
  keys::Custody& custody_;
  base::Clock& clock_;
  base::Mutex reloading_;
  mutable base::Mutex mutex_;
  std::vector<std::shared_ptr<const Authority>> list_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_AUTHORITIES_H_
