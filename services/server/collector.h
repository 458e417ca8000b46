// Measures for Prometheus what only the store and the keys know.
#ifndef SIGNET_SERVICES_SERVER_COLLECTOR_H_
#define SIGNET_SERVICES_SERVER_COLLECTOR_H_

#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/authority/authorities.h"
#include "services/authority/rotation.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/base/random.h"
#include "services/keys/custody.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"
#include "services/telemetry/metrics.h"

namespace signet::server {

// The pause after a collection that took `took`: a hundred times as long, at least 15 s and at most 5 min, so that a
// large cluster costs a hundredth of one core.
absl::Duration PauseAfter(absl::Duration took);

// A thread of its own, so that no scrape waits for a disk or an HSM: when these hang, the numbers age, and
// signet_collect_age_seconds says so.
class Collector {
 public:
  // References must outlive this.
  struct Parts {
    const store::Store& store;
    keys::Custody& custody;
    const authority::Authorities& authorities;
    const authority::Rotation& rotation;
    const base::Clock& clock;
    base::Random& random;
    telemetry::Logger& logger;
    telemetry::Metrics& metrics;
  };
  Collector(const Parts& parts, std::string data_dir, std::string database);
  // Ends the thread, after the collection that it is in.
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Collects at once, and then again and again. Once.
  void Start();
  // One collection: every group of gauges that can be measured is shown, whatever became of the others. The first
  // error; a key that does not sign is none, but shown. By one thread at a time: not after Start().
  absl::Status Collect();

 private:
  void Loop();
  absl::Status ShowInventory();
  absl::Status ShowRotation();
  // `stored`: those too that are in the store.
  void ShowSigners(bool stored);
  void ShowStore(bool answers);

  const Parts parts_;
  const std::string data_dir_;
  const std::string database_;
  absl::Time collected_at_ = absl::InfinitePast();
  bool failing_ = false;

  base::Mutex mutex_;
  base::CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_COLLECTOR_H_
