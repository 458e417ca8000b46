// The labels under which custody keeps the keys of authorities.
#ifndef SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_
#define SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_

#include "absl/strings/string_view.h"
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

// The custody of an imported anchor: its key is not here.
inline constexpr char kForeignCustody[] = "foreign";

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_CUSTODY_LABEL_H_
