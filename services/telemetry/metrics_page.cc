#include "services/telemetry/metrics_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/telemetry/catalogue.h"

namespace signet::telemetry {
namespace {

constexpr char kHead[] = R"(# Metrics

What Prometheus finds at `/metrics`; [monitoring.md](monitoring.md) says how it gets there, and what to watch. This page is printed by
`signetd --print-metrics` from the names and help texts of the program itself, and a test compares the two.

Labels come from closed lists: a value that is on no list is counted as `other`, and so is the 65th value of a label that has no list.
A metric that counts what happened begins at 0 when signetd starts. Times until an end are reckoned at each scrape.

Histograms have the buckets 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms, 1.2 s (what an adapter gives each of several servers), 2.5 s, 3.8 s (where it
gives up), 5 s (where Slurm kills its scripts) and 10 s. Beside what follows, the listener shows of itself `exposer_transferred_bytes_total`,
`exposer_scrapes_total` and `exposer_request_latencies`.
)";

const char* TypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "";
}

std::string LabelText(const Label& label) {
  if (label.values == nullptr) return absl::StrCat("- `", label.name, "`: ", label.open, "\n");
  return absl::StrCat("- `", label.name, "`: `", absl::StrReplaceAll(label.values, {{",", "`, `"}}), "`\n");
}

}  // namespace

std::string MetricsPage() {
  std::string page = kHead;
  for (const Family* const family : kCatalogue) {
    absl::StrAppend(&page, "\n## ", family->name, "\n\n", TypeName(family->type), ", in ", family->unit, ". ",
                    family->help, "\n");
    if (family->labels[0].name != nullptr) page += "\n";
    for (const Label& label : family->labels) {
      if (label.name != nullptr) page += LabelText(label);
    }
  }
  return page;
}

}  // namespace signet::telemetry
