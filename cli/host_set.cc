#include "cli/host_set.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/node_set.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"

namespace signet::cli {

absl::StatusOr<std::vector<std::string>> HostsOf(absl::string_view hostlist, absl::string_view next) {
  std::vector<std::string> services;
  std::vector<absl::string_view> others;
  // A comma inside brackets parts no service's name from anything: joined again, what is left is as it was.
  for (const absl::string_view part : absl::StrSplit(hostlist, ',')) {
    const absl::string_view word = absl::StripAsciiWhitespace(part);
    if (names::IsServiceName(word)) {
      services.emplace_back(word);
    } else {
      others.push_back(part);
    }
  }
  if (others.empty()) return services;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, NodesOf(absl::StrJoin(others, ","), next));
  services.insert(services.end(), hosts.begin(), hosts.end());
  return services;
}

}  // namespace signet::cli
