// The labels under which custody keeps the keys of authorities.
#ifndef SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_
#define SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/rows.h"

namespace signet::authority {

// The purpose is in the label, which custody binds to the key: a row whose purpose was changed in the store does not
// open.
inline absl::string_view CustodyLabel(store::Purpose purpose) {
  return purpose == store::Purpose::kControl ? "control-authority" : "slurm-authority";
}

// The other keys are kept under their purpose's name.
inline constexpr char kBundlePurpose[] = "bundle";
inline constexpr char kAuditPurpose[] = "audit";

// The custody of an anchor that was imported without its key.
inline constexpr char kForeignCustody[] = "foreign";

// Imported as a running CA, with its key or without: what it signed elsewhere this server knows nothing of. It is
// RETIRED from the beginning and never activated.
inline bool IsImported(const store::AuthorityRow& row) {
  return row.custody == kForeignCustody ||
         (row.retired_at != absl::InfinitePast() && row.activated_at == absl::InfinitePast());
}

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_
