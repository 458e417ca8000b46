// A foreign root beside our own in the trust bundle.
#ifndef SIGNET_SERVICES_AUTHORITY_IMPORT_H_
#define SIGNET_SERVICES_AUTHORITY_IMPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/keys/custody.h"
#include "services/store/store.h"

namespace signet::authority {

struct ImportedAnchor {
  std::string id;  // of the anchor
  uint64_t bundle_generation = 0;
  bool changed = false;  // false: it was an anchor already, or `dry_run`
};

// Adds a self-signed CA certificate whose key stays elsewhere as a RETIRED authority of purpose Slurm, and a new bundle
// generation that holds it, in one transaction with its audit record ("authority.import"); then reloads `authorities`.
// One that is an anchor already is returned as it stands. INVALID_ARGUMENT names what keeps s2n or Slurm from using it:
// not self-signed, not a CA, without keyCertSign, expired, a key or signature that s2n refuses, bytes that OpenSSL
// refuses, name constraints or an unknown critical extension, an extendedKeyUsage that is not TLS in both directions.
absl::StatusOr<ImportedAnchor> ImportAnchor(absl::string_view cluster, absl::string_view certificate_pem, bool dry_run,
                                            store::Store& store, keys::Custody& custody, Authorities& authorities,
                                            const audit::AuditLog& audit, base::Clock& clock,
                                            const audit::Origin& origin);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_IMPORT_H_
