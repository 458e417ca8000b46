// Names of authorities: no two may be one to a verifier. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_NEXT_SUBJECT_H_
#define SIGNET_SERVICES_AUTHORITY_NEXT_SUBJECT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/store/rows.h"

namespace signet::authority {

// INVALID_ARGUMENT when `subject` is no RFC 4514 text, or when an authority of any state, its anchor, or an open
// request has it: case and repeated blanks make no difference (RFC 5280 section 7.1).
absl::Status CheckSubjectIsFree(absl::string_view subject, const std::vector<store::AuthorityRow>& rows,
                                const std::vector<store::AuthorityRequestRow>& requests = {});

// `subject` with the next free number behind its common name: "CN=Slurm CA,O=Example" → "CN=Slurm CA 2,O=Example".
// INVALID_ARGUMENT when it has no common name.
absl::StatusOr<std::string> NextSubject(absl::string_view subject, const std::vector<store::AuthorityRow>& rows,
                                        const std::vector<store::AuthorityRequestRow>& requests = {});

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_NEXT_SUBJECT_H_
