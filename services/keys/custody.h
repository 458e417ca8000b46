// Who keeps the keys of authorities, bundles and the audit log.
#ifndef SIGNET_SERVICES_KEYS_CUSTODY_H_
#define SIGNET_SERVICES_KEYS_CUSTODY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/keys/private_key.h"
#include "services/keys/signer.h"

namespace signet::keys {

// A key as the store keeps it: `handle` is a sealed key or an HSM's label, useless without the custody that made it.
struct CustodyKey {
  std::string custody;  // "sealed"
  std::string handle;
  std::string spki_der;
};

// Makes and opens keys. Thread-safe.
class Custody {
 public:
  virtual ~Custody() = default;
  // A new P-256 key. `label` is bound to it: a handle opened under another label is refused.
  virtual absl::StatusOr<CustodyKey> Create(absl::string_view label) = 0;
  // Takes over a key that was made elsewhere, of any kind that PrivateKey reads, under `label`.
  virtual absl::StatusOr<CustodyKey> Adopt(absl::string_view label, const PrivateKey& key) = 0;
  // FAILED_PRECONDITION when the key-encryption key does not fit, the label differs, or the key does not match
  // spki_der.
  virtual absl::StatusOr<std::shared_ptr<const Signer>> Open(absl::string_view label, const CustodyKey& key) = 0;
};

}  // namespace signet::keys

#endif  // SIGNET_SERVICES_KEYS_CUSTODY_H_
