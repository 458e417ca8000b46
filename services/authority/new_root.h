// A new root authority.
#ifndef SIGNET_SERVICES_AUTHORITY_NEW_ROOT_H_
#define SIGNET_SERVICES_AUTHORITY_NEW_ROOT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/random.h"
#include "services/keys/custody.h"
#include "services/store/rows.h"

namespace signet::authority {

// A new key and its self-signed certificate, linted, as a row that is PREPARED at `now`; the caller stores it. Signs:
// call it outside a transaction. INVALID_ARGUMENT for a subject that is no RFC 4514 text, FAILED_PRECONDITION for a
// lifetime out of bounds.
absl::StatusOr<store::AuthorityRow> MakeRoot(store::Purpose purpose, absl::string_view subject, absl::Duration lifetime,
                                             keys::Custody& custody, base::Random& random, absl::Time now);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_NEW_ROOT_H_
