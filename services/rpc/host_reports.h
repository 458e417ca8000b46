// What an adapter says of its own host beside a node's request.
#ifndef SIGNET_SERVICES_RPC_HOST_REPORTS_H_
#define SIGNET_SERVICES_RPC_HOST_REPORTS_H_

#include <map>
#include <string>

#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/base/mutex.h"
#include "services/rpc/calls.h"
#include "services/rpc/engines.h"
#include "signet/v1/rotation.pb.h"

namespace signet::rpc {

// A report that is the same as before is stored once in this time: a thousand nodes that boot at once bring slurmctld's
// a thousand times.
inline constexpr absl::Duration kReportEvery = absl::Minutes(1);

// Thread-safe. References must outlive this.
class HostReports {
 public:
  HostReports(Calls& calls, Engines& engines) : calls_(calls), engines_(engines) {}

  // Stores the report through Sightings, which judges whether this caller may make it. Whatever is wrong with it, or
  // with storing it, is counted and logged ("report.refused"), and fails nothing.
  void Take(const v1::HostReport& report, const audit::Origin& origin);

 private:
  // True once in kReportEvery for the same words of the same caller.
  bool IsNews(const v1::HostReport& report, const audit::Origin& origin);

  Calls& calls_;
  Engines& engines_;
  base::Mutex mutex_;
  std::map<std::string, absl::Time> heard_ ABSL_GUARDED_BY(mutex_);  // by hash
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_HOST_REPORTS_H_
