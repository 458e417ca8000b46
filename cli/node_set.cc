#include "cli/node_set.h"

#include "cli/failure.h"
#include "services/names/hostlist.h"

namespace signet::cli {

absl::StatusOr<std::vector<std::string>> NodesOf(absl::string_view hostlist, absl::string_view next) {
  absl::StatusOr<std::vector<std::string>> nodes = names::ExpandHostlist(hostlist);
  if (!nodes.ok()) return UsageError(nodes.status().message(), next);
  return nodes;
}

}  // namespace signet::cli
