// docs/metrics.md.
#ifndef SIGNET_SERVICES_TELEMETRY_METRICS_PAGE_H_
#define SIGNET_SERVICES_TELEMETRY_METRICS_PAGE_H_

#include <string>

namespace signet::telemetry {

// The catalogue as a page of Markdown.
std::string MetricsPage();

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_METRICS_PAGE_H_
