// The gauges as Prometheus sees them. Internal to telemetry/.
#ifndef SIGNET_SERVICES_TELEMETRY_GAUGE_BOARD_H_
#define SIGNET_SERVICES_TELEMETRY_GAUGE_BOARD_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/telemetry/gauges.h"

namespace signet::telemetry {

// Keeps what was shown last and reckons it when it is scraped: a scrape waits for nobody. Thread-safe. References must
// outlive this.
class GaugeBoard final : public prometheus::Collectable {
 public:
  explicit GaugeBoard(const base::Clock& clock) : clock_(clock), started_(clock.Now()) {}

  void Show(int group, Gauges gauges);
  void SetVersion(absl::string_view version);
  void SetWriteOk(bool ok);
  // True for the first of its kind.
  bool NotePublish(absl::string_view kind, bool good);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Gauges Own() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  const absl::Time started_;
  mutable base::Mutex mutex_;
  std::map<int, Gauges> groups_ ABSL_GUARDED_BY(mutex_);
  std::string version_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> write_ok_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Time, std::less<>> published_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_GAUGE_BOARD_H_
