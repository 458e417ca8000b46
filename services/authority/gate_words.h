// How a gate speaks to an administrator. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_GATE_WORDS_H_
#define SIGNET_SERVICES_AUTHORITY_GATE_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/authority/gates.h"
#include "services/store/rows.h"

namespace signet::authority {

// As people type it: the first 12 digits.
std::string ShortId(absl::string_view id);
// The common name of its certificate, or the whole subject.
std::string NameOf(const store::AuthorityRow& row);
// "2026-01-31T12:00:00Z".
std::string TimeText(absl::Time time);
// "3h", "2d 4h", "5m": two units at most; under a minute "0m".
std::string DurationText(absl::Duration duration);
// "1 node", "2 nodes".
std::string Counted(int64_t count, absl::string_view singular);
// "signetctl rotation probe HOSTS --authority ID, or ", for `hosts` as its arguments name them, "" for all nodes; empty
// where no probe can be made: `authority` signs nothing any more, or has its key elsewhere.
std::string ProbeCommandOr(absl::string_view hosts, const store::AuthorityRow& authority);
// "signetctl rotation ack NAMES --authority ID --reason WHY".
std::string AckCommand(absl::string_view names, const store::AuthorityRow& authority);
// Of `names`, cause and next yet to be said.
Blocker BlockerOf(BlockerKind kind, const std::string& names, std::size_t count, absl::Time since);
// One line of causes, without the names, which may fill pages.
std::string Causes(const std::vector<Blocker>& blockers);
// The same with the names: "3 nodes have not loaded it: n[1-3]; …".
std::string FoldBlockers(const std::vector<Blocker>& blockers);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_GATE_WORDS_H_
