// What Prometheus scrapes. One method per thing that can be counted: labels come from closed lists, never from a
// request.
#ifndef SIGNET_SERVICES_TELEMETRY_METRICS_H_
#define SIGNET_SERVICES_TELEMETRY_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/telemetry/gauges.h"

namespace signet::telemetry {

// Gauges that are measured, and replaced, together.
enum class GaugeGroup { kInventory = 1, kRotation = 2, kSigners = 3, kStore = 4, kCollector = 5, kListener = 6 };

// Thread-safe. services/telemetry/catalogue.h says what each metric means. A label value that is not on its label's
// list counts as "other"; of a label without a list, so does one that is no word of 1–64 letters, digits, '_', '.', '/'
// and '-', and every further one once the label has kMostOpenValues of them; gauges count them anew at each scrape.
class Metrics {
 public:
  Metrics();
  // `clock` says what "now" is for gauges that count seconds; it must outlive this.
  explicit Metrics(const base::Clock& clock);
  ~Metrics();
  // signet_rpc_total and signet_rpc_seconds. `method` is one of the services' own method names.
  void CountRpc(absl::string_view method, absl::string_view code, absl::Duration took);
  // signet_certificates_total. `outcome`: "issued", "repeated" or a reason of services/base/reason.h.
  void CountCertificate(absl::string_view profile, absl::string_view outcome);
  // signet_refusals_total: refused before or in a handler.
  void CountRefusal(absl::string_view reason);
  // signet_shed_total: not worked on because of load or of a part that was away.
  void CountShed(absl::string_view reason);
  // signet_tls_failures_total; `more` since the last call.
  void CountTlsFailures(int64_t more);
  // signet_store_writes_total, signet_store_write_seconds and signet_store_write_ok. Of what a rule undid: call none.
  void CountWrite(const absl::Status& status, absl::Duration took);
  // signet_audit_unwritable_total.
  void CountUnwritableAudit();
  // signet_publish_total and signet_publish_age_seconds. `kind`: "bundle", "service". `result`: "ok" (patched),
  // "unchanged" (it was as it should be; both end its age), "conflict", "refused", "missing", "unreachable", "failed".
  void CountPublish(absl::string_view kind, absl::string_view result);
  // signet_collections_total.
  void CountCollection(bool ok);
  // signet_build_info.
  void SetVersion(absl::string_view version);
  // Shows `gauges` in the place of what this group showed before.
  void Show(GaugeGroup group, Gauges gauges);

  // Serves /metrics on "host:port" until destruction. UNAVAILABLE when the address cannot be bound.
  absl::Status Serve(const std::string& address);
  // The port it is served on, also when the address said 0; 0 when it is not served.
  int port() const;
  // The text that /metrics answers with, but for the listener's own numbers.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_METRICS_H_
