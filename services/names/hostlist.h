// Slurm's hostlist expressions: "n[001-128],login1,r[1-2]c[01-10]".
#ifndef SIGNET_SERVICES_NAMES_HOSTLIST_H_
#define SIGNET_SERVICES_NAMES_HOSTLIST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::names {

// The node names of a hostlist in the order written, each checked by CheckNodeName, duplicates removed. Several bracket
// groups in one name multiply, the last running fastest; leading zeros give the width. Errors (INVALID_ARGUMENT,
// MALFORMED): unbalanced or empty brackets, a range that runs backwards, more than `limit` names (checked before they
// are made).
absl::StatusOr<std::vector<std::string>> ExpandHostlist(absl::string_view expression, std::size_t limit = 200000);

// The shortest usual form, as scontrol would print it: {"n1","n2","n4"} → "n[1-2,4]". Sorts by prefix and number.
std::string CompressHostlist(const std::vector<std::string>& names);

}  // namespace signet::names

#endif  // SIGNET_SERVICES_NAMES_HOSTLIST_H_
