// What the rules for known and for new identity keys share. Internal to enrollment/.
#ifndef SIGNET_SERVICES_ENROLLMENT_RULE_WORDS_H_
#define SIGNET_SERVICES_ENROLLMENT_RULE_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/evidence/statement.h"
#include "services/store/tables.h"

namespace signet::enrollment {

// PERMISSION_DENIED.
absl::Status Denied(absl::string_view reason, absl::string_view message, absl::string_view next = "");

// "2026-01-31T12:00:00Z".
std::string TimeText(absl::Time time);

// "signetctl token create n1 --out-dir DIR", with the daemon where it is not the default. Without a directory the
// command would print the secret.
std::string TokenCreate(absl::string_view node, absl::string_view daemon);
// "signetctl node approve n1 --key ID", likewise.
std::string NodeApprove(const evidence::Statement& statement);
std::string NodeApprove(absl::string_view node, absl::string_view daemon, absl::string_view key_id);

// The command by which an administrator ended an identity key; empty where none did.
absl::string_view EndingCommand(store::EndedBy by);

// WRONG_NODE or WRONG_DAEMON when `whose` is not the statement's.
absl::Status CheckSubject(const evidence::Statement& statement, absl::string_view whose, absl::string_view node,
                          absl::string_view daemon, absl::string_view next);

// KEY_REFUSED when another name's certificate carries the CSR's key: another host holds it.
absl::Status CheckKeyIsFree(const store::Tables& tables, const evidence::Statement& statement);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_RULE_WORDS_H_
