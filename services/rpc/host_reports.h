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

// A report that is the same as the one before it is stored once in this time: a thousand nodes that boot at once bring
// slurmctld's a thousand times.
inline constexpr absl::Duration kReportEvery = absl::Minutes(1);

// Thread-safe. References must outlive this.
class HostReports {
 public:
  HostReports(Calls& calls, Engines& engines) : calls_(calls), engines_(engines) {}

  // Stores the report through Sightings, which judges whether this caller may make it. Whatever is wrong with it, or
  // with storing it, is counted and logged ("report.refused"), and fails nothing.
  void Take(const v1::HostReport& report, const audit::Origin& origin);

 private:
  // The last words of one caller about one program of one host that were stored or refused for good.
  struct Words {
    std::string sha256;
    absl::Time at;
  };
  // False when these are the last words, and no older than kReportEvery.
  bool IsNews(const std::string& about, const std::string& sha256, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Calls& calls_;
  Engines& engines_;
  // Held while a report is stored: of two that arrive at once, the last stored is the last heard.
  base::Mutex mutex_;
  std::map<std::string, Words> heard_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_HOST_REPORTS_H_
