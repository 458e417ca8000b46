#include "services/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/mutex.h"
#include "services/base/reason.h"
#include "services/telemetry/labels.h"

namespace signet::telemetry {
namespace {

// Some twenty methods times the codes each can answer with.
constexpr std::size_t kMaxLabelSets = 512;

// Around the limits that matter: Slurm kills a script after 5 s, an adapter gives up after 3.8 s, a server in a list
// has 1.2 s.
const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const prometheus::Histogram::BucketBoundaries* const buckets = new prometheus::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.2, 2.5, 3.8, 5, 10};
  return *buckets;
}

}  // namespace

struct Metrics::State {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter>& rpcs =
      prometheus::BuildCounter().Name("signet_rpc_total").Help("Answered calls.").Register(*registry);
  prometheus::Family<prometheus::Histogram>& rpc_seconds =
      prometheus::BuildHistogram().Name("signet_rpc_seconds").Help("Time to answer a call.").Register(*registry);
  prometheus::Family<prometheus::Counter>& certificates = prometheus::BuildCounter()
                                                              .Name("signet_certificates_total")
                                                              .Help("Certificates issued, answered again, or refused.")
                                                              .Register(*registry);
  prometheus::Family<prometheus::Counter>& refusals = prometheus::BuildCounter()
                                                          .Name("signet_refusals_total")
                                                          .Help("Requests refused before or in a handler.")
                                                          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& build =
      prometheus::BuildGauge().Name("signet_build_info").Help("The running version.").Register(*registry);
  LabelLimit rpc_labels{kMaxLabelSets};
  LabelLimit method_labels{kMaxLabelSets};
  LabelLimit certificate_labels{kMaxLabelSets};
  LabelLimit refusal_labels{kMaxLabelSets};
  LabelLimit version_labels{1};

  base::Mutex mutex;
  std::unique_ptr<prometheus::Exposer> exposer ABSL_GUARDED_BY(mutex);
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRpc(absl::string_view method, absl::string_view code, absl::Duration took) {
  const std::vector<std::string> labels = state_->rpc_labels.Admit({method, code});
  state_->rpcs.Add({{"method", labels[0]}, {"code", labels[1]}}).Increment();
  state_->rpc_seconds.Add({{"method", state_->method_labels.Admit({method})[0]}}, SecondsBuckets())
      .Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountCertificate(absl::string_view profile, absl::string_view result) {
  const std::vector<std::string> labels = state_->certificate_labels.Admit({profile, result});
  state_->certificates.Add({{"profile", labels[0]}, {"result", labels[1]}}).Increment();
}

void Metrics::CountRefusal(absl::string_view reason) {
  state_->refusals.Add({{"reason", state_->refusal_labels.Admit({reason})[0]}}).Increment();
}

void Metrics::SetVersion(absl::string_view version) {
  state_->build.Add({{"version", state_->version_labels.Admit({version})[0]}}).Set(1);
}

absl::Status Metrics::Serve(const std::string& address) {
  base::MutexLock lock(state_->mutex);
  if (state_->exposer != nullptr) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, "metrics are served already");
  }
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/2);
    exposer->RegisterCollectable(state_->registry);
    state_->exposer = std::move(exposer);
  } catch (const std::exception&) {
    // The exception says no more than that the server did not start.
    return base::Refusal(absl::StatusCode::kUnavailable, base::kConfiguration,
                         absl::StrCat("listen.metrics.address: cannot listen on ", address),
                         "choose a free host:port, or see who uses it: ss -ltnp");
  }
  return absl::OkStatus();
}

int Metrics::port() const {
  base::MutexLock lock(state_->mutex);
  if (state_->exposer == nullptr) return 0;
  const std::vector<int> ports = state_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

std::string Metrics::Text() const { return prometheus::TextSerializer().Serialize(state_->registry->Collect()); }

}  // namespace signet::telemetry
