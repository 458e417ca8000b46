// What Prometheus scrapes. One method per thing that can be counted: labels come from closed lists, never from a
// request.
#ifndef SIGNET_SERVICES_TELEMETRY_METRICS_H_
#define SIGNET_SERVICES_TELEMETRY_METRICS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::telemetry {

// Thread-safe. A label value that is no word of 1–64 letters, digits, '_', '.', '/' and '-' counts as "other", and so
// does every further combination once a metric has 512 of them.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  // signet_rpc_total{method,code} and signet_rpc_seconds{method}. `method` is one of the services' own method names.
  void CountRpc(absl::string_view method, absl::string_view code, absl::Duration took);
  // signet_certificates_total{profile,result}: result "issued", "repeated" or a reason of services/base/reason.h.
  void CountCertificate(absl::string_view profile, absl::string_view result);
  // signet_refusals_total{reason}: refused before or in a handler.
  void CountRefusal(absl::string_view reason);
  // signet_build_info{version} 1.
  void SetVersion(absl::string_view version);
  // Serves /metrics on "host:port" until destruction. UNAVAILABLE when the address cannot be bound.
  absl::Status Serve(const std::string& address);
  // The port it is served on, also when the address said 0; 0 when it is not served.
  int port() const;
  // The text that /metrics answers with.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_METRICS_H_
