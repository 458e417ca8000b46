// One authority, opened.
#ifndef SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_
#define SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_

#include <memory>
#include <string>
#include <vector>

#include "services/keys/signer.h"
#include "services/store/rows.h"
#include "services/x509/certificate.h"

namespace signet::authority {

// Immutable. `chain_above` is what a leaf's chain carries after the leaf: intermediates and crosses, never a
// self-signed root.
struct Authority {
  std::string id;
  store::Purpose purpose;
  store::AuthorityState state;
  x509::Certificate certificate;
  std::shared_ptr<const keys::Signer> signer;  // null when REVOKED, DESTROYED or imported
  std::vector<x509::Certificate> chain_above;
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_AUTHORITY_H_
