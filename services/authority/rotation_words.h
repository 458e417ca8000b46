// How a rotation speaks to an administrator. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_ROTATION_WORDS_H_
#define SIGNET_SERVICES_AUTHORITY_ROTATION_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/authority/rotation.h"
#include "services/store/rows.h"

namespace signet::authority {

inline constexpr std::size_t kMostReasonBytes = 200;

// FAILED_PRECONDITION.
absl::Status Illegal(absl::string_view what, absl::string_view next);
// INVALID_ARGUMENT.
absl::Status Malformed(absl::string_view what);
// INVALID_ARGUMENT unless `reason` is 1 to 200 bytes of printable UTF-8; `field` names it.
absl::Status CheckReason(absl::string_view field, absl::string_view reason);

// "PREPARED".
absl::string_view StateName(store::AuthorityState state);
// "activate".
absl::string_view VerbName(Verb verb);
// "signetctl authority activate ID".
std::string VerbCommand(Verb verb, const store::AuthorityRow& row);
// "Slurm CA 2 (0123456789ab)".
std::string Described(const store::AuthorityRow& row);

// True when `verb` was taken already: the authority stands where it leads.
bool IsTaken(Verb verb, const store::AuthorityRow& row);
// OK when `verb` may be taken from the state of `row`; else FAILED_PRECONDITION naming the state and what is legal.
absl::Status CheckLegal(Verb verb, const store::AuthorityRow& row);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_ROTATION_WORDS_H_
