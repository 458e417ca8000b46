// The statement's message, its bounds, and its decoded form.
#ifndef SIGNET_SERVICES_EVIDENCE_STATEMENT_FIELDS_H_
#define SIGNET_SERVICES_EVIDENCE_STATEMENT_FIELDS_H_

#include "absl/status/status.h"
#include "services/evidence/statement.h"
#include "signet/v1/statement.pb.h"

namespace signet::evidence {

// What one signed statement may have at most, as it travels.
inline constexpr std::size_t kMaxSignedStatementBytes = 32 * 1024;

// OK when every field lies within the bounds of docs/formats.md. INVALID_ARGUMENT / MALFORMED or NAME_REFUSED, naming
// the field.
absl::Status CheckFields(const v1::Statement& message);

// Converts; nothing is checked.
v1::Statement ToMessage(const Statement& statement);
Statement FromMessage(const v1::Statement& message);

}  // namespace signet::evidence

#endif  // SIGNET_SERVICES_EVIDENCE_STATEMENT_FIELDS_H_
