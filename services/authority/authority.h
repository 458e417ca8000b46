// One authority, opened.
#ifndef SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_
#define SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/keys/signer.h"
#include "services/store/rows.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// Immutable. `chain_above` is what a leaf's chain carries after the leaf: intermediates and crosses, never a
// self-signed root. Good when the list was made: who hands it out leaves off the first certificate that has ended
// since, and what stands above it.
struct Authority {
  std::string id;
  store::Purpose purpose;
  store::AuthorityState state;
  x509::Certificate certificate;
  std::shared_ptr<const keys::Signer> signer;  // null when REVOKED, DESTROYED or imported
  std::vector<x509::Certificate> chain_above;
  x509::Certificate anchor;                        // in the trust bundle: `certificate`, or a subordinate's root
  std::vector<x509::Certificate> intermediates;    // of a subordinate: `certificate` first; else empty
  absl::Time prepared_at = absl::InfinitePast();   // or imported
  absl::Time activated_at = absl::InfinitePast();  // InfinitePast: never, here and below
  absl::Time retired_at = absl::InfinitePast();
  absl::Time revoked_at = absl::InfinitePast();
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_
