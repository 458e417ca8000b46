// What was seen and said of hosts, read once for a gate. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_OBSERVATIONS_H_
#define SIGNET_SERVICES_AUTHORITY_OBSERVATIONS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/tables.h"

namespace signet::authority {

// A host that was not heard of for longer may have changed meanwhile.
inline constexpr absl::Duration kReportMemory = absl::Hours(24 * 30);

inline constexpr absl::string_view kServices[] = {"slurmctld", "slurmdbd", "slurmrestd"};
// The program of a report of a host without a daemon.
inline constexpr char kHostProgram[] = "host";

using HostProgram = std::pair<std::string, std::string>;

absl::StatusOr<std::map<HostProgram, store::ReportRow>> NewestReports(const store::Tables& tables);
// The probes of one authority at or after `since`. Here and below none later than `now` counts: it is of a clock that
// was set back since, and would be newer than every word to come.
absl::StatusOr<std::map<HostProgram, store::ProbeRow>> ProbesSince(const store::Tables& tables,
                                                                   absl::string_view authority_id, absl::Time since,
                                                                   absl::Time now);
// The newest probe of each, whatever authority it was for.
absl::StatusOr<std::map<HostProgram, store::ProbeRow>> NewestProbes(const store::Tables& tables, absl::Time now);
// When names were acknowledged for an authority.
class Acks {
 public:
  // Those at or after `since`.
  static absl::StatusOr<Acks> Read(const store::Tables& tables, absl::string_view authority_id, absl::Time since,
                                   absl::Time now);

  // Later than `word`: nobody knows what an administrator would say of what was heard since.
  bool After(const std::string& name, absl::Time word) const;
  bool Any(const std::string& name) const { return After(name, absl::InfinitePast()); }

 private:
  std::map<std::string, absl::Time> acked_at_;
};

// Names of the nodes that hold an unexpired certificate, are not blocked, and have a daemon that is `wanted`.
absl::StatusOr<std::set<std::string>> NodesThat(const store::Tables& tables, absl::Time now,
                                                absl::FunctionRef<absl::StatusOr<bool>(const store::NodeRow&)> wanted);
// An imported one never signed here.
absl::Time SignsNoMoreSince(const store::AuthorityRow& authority);
absl::StatusOr<bool> IsBlocked(const store::Tables& tables, absl::string_view name);
// Certificates of a service that are neither expired nor revoked, newest first.
absl::StatusOr<std::vector<store::CertificateRow>> LiveOfService(const store::Tables& tables, absl::string_view service,
                                                                 absl::Time now);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_OBSERVATIONS_H_
