#include "services/telemetry/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/mutex.h"
#include "services/base/reason.h"
#include "services/telemetry/gauge_board.h"
#include "services/telemetry/labels.h"

namespace signet::telemetry {
namespace {

// Around the limits that matter: Slurm kills a script after 5 s, an adapter gives up after 3.8 s, a server in a list
// has 1.2 s.
const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const prometheus::Histogram::BucketBoundaries* const buckets = new prometheus::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.2, 2.5, 3.8, 5, 10};
  return *buckets;
}

const base::Clock& MachineClock() {
  static const base::SystemClock* const clock = new base::SystemClock;
  return *clock;
}

std::vector<absl::string_view> Words(const char* list) { return absl::StrSplit(list, ','); }

bool IsFault(absl::string_view reason) {
  for (const absl::string_view fault : Words(SIGNET_FAULT_REASONS)) {
    if (reason == fault) return true;
  }
  return false;
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const Family& family) {
  return prometheus::BuildCounter().Name(family.name).Help(family.help).Register(registry);
}
prometheus::Family<prometheus::Histogram>& Histograms(prometheus::Registry& registry, const Family& family) {
  return prometheus::BuildHistogram().Name(family.name).Help(family.help).Register(registry);
}

}  // namespace

struct Metrics::State {
  explicit State(const base::Clock& clock) : board(std::make_shared<GaugeBoard>(clock)) {}

  void Count(prometheus::Family<prometheus::Counter>& counters, const Family& family,
             const std::vector<absl::string_view>& values, double by = 1) {
    counters.Add(labels.Admit(family, values)).Increment(by);
  }

  LabelValues labels;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  const std::shared_ptr<GaugeBoard> board;
  prometheus::Family<prometheus::Counter>& certificates = Counters(*registry, metric::kCertificates);
  prometheus::Family<prometheus::Counter>& rpcs = Counters(*registry, metric::kRpcs);
  prometheus::Family<prometheus::Histogram>& rpc_seconds = Histograms(*registry, metric::kRpcSeconds);
  prometheus::Family<prometheus::Counter>& refusals = Counters(*registry, metric::kRefusals);
  prometheus::Family<prometheus::Counter>& shed = Counters(*registry, metric::kShed);
  prometheus::Family<prometheus::Counter>& tls_failures = Counters(*registry, metric::kTlsFailures);
  prometheus::Family<prometheus::Counter>& published = Counters(*registry, metric::kPublished);
  prometheus::Family<prometheus::Counter>& writes = Counters(*registry, metric::kStoreWrites);
  prometheus::Histogram& write_seconds = Histograms(*registry, metric::kStoreWriteSeconds).Add({}, SecondsBuckets());
  prometheus::Family<prometheus::Counter>& unwritable = Counters(*registry, metric::kAuditUnwritable);
  prometheus::Family<prometheus::Counter>& collections = Counters(*registry, metric::kCollections);

  base::Mutex mutex;
  std::unique_ptr<prometheus::Exposer> exposer ABSL_GUARDED_BY(mutex);
};

Metrics::Metrics() : Metrics(MachineClock()) {}

Metrics::Metrics(const base::Clock& clock) : state_(std::make_unique<State>(clock)) {
  // What an alert watches is there from the start: Prometheus sees no increase where a series begins at 1.
  State& state = *state_;
  for (const absl::string_view reason : Words(metric::kRefusals.labels[0].values)) {
    state.Count(state.refusals, metric::kRefusals, {reason}, 0);
  }
  for (const absl::string_view reason : Words(metric::kShed.labels[0].values)) {
    state.Count(state.shed, metric::kShed, {reason}, 0);
  }
  for (const absl::string_view profile : Words(metric::kCertificates.labels[0].values)) {
    for (const absl::string_view reason : Words(SIGNET_FAULT_REASONS)) {
      state.Count(state.certificates, metric::kCertificates, {profile, "failed", reason}, 0);
    }
    state.Count(state.certificates, metric::kCertificates, {profile, "issued", "none"}, 0);
  }
  for (const absl::string_view result : Words(metric::kStoreWrites.labels[0].values)) {
    state.Count(state.writes, metric::kStoreWrites, {result}, 0);
  }
  for (const absl::string_view result : Words(metric::kCollections.labels[0].values)) {
    state.Count(state.collections, metric::kCollections, {result}, 0);
  }
  state.Count(state.tls_failures, metric::kTlsFailures, {}, 0);
  state.Count(state.unwritable, metric::kAuditUnwritable, {}, 0);
}

Metrics::~Metrics() = default;

void Metrics::CountRpc(absl::string_view method, absl::string_view code, absl::Duration took) {
  state_->Count(state_->rpcs, metric::kRpcs, {method, code});
  state_->rpc_seconds.Add(state_->labels.Admit(metric::kRpcSeconds, {method}), SecondsBuckets())
      .Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountCertificate(absl::string_view profile, absl::string_view outcome) {
  const bool answered = outcome == "issued" || outcome == "repeated";
  state_->Count(state_->certificates, metric::kCertificates,
                {profile,
                 answered           ? outcome
                 : IsFault(outcome) ? "failed"
                                    : "refused",
                 answered ? "none" : outcome});
}

void Metrics::CountRefusal(absl::string_view reason) { state_->Count(state_->refusals, metric::kRefusals, {reason}); }

void Metrics::CountShed(absl::string_view reason) { state_->Count(state_->shed, metric::kShed, {reason}); }

void Metrics::CountTlsFailures(int64_t more) {
  state_->Count(state_->tls_failures, metric::kTlsFailures, {}, static_cast<double>(more));
}

void Metrics::CountWrite(const absl::Status& status, absl::Duration took) {
  if (absl::IsResourceExhausted(status)) {
    state_->Count(state_->writes, metric::kStoreWrites, {"shed"});
    return;
  }
  state_->Count(state_->writes, metric::kStoreWrites, {status.ok() ? "ok" : "failed"});
  state_->board->SetWriteOk(status.ok());
  if (status.ok()) state_->write_seconds.Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountUnwritableAudit() { state_->Count(state_->unwritable, metric::kAuditUnwritable, {}); }

void Metrics::CountPublish(absl::string_view kind, absl::string_view result) {
  if (state_->board->NotePublish(kind, result == "ok" || result == "unchanged")) {
    for (const absl::string_view each : Words(metric::kPublished.labels[1].values)) {
      state_->Count(state_->published, metric::kPublished, {kind, each}, 0);
    }
  }
  state_->Count(state_->published, metric::kPublished, {kind, result});
}

void Metrics::CountCollection(bool ok) {
  state_->Count(state_->collections, metric::kCollections, {ok ? "ok" : "failed"});
}

void Metrics::SetVersion(absl::string_view version) { state_->board->SetVersion(version); }

void Metrics::Show(GaugeGroup group, Gauges gauges) { state_->board->Show(static_cast<int>(group), std::move(gauges)); }

absl::Status Metrics::Serve(const std::string& address) {
  base::MutexLock lock(state_->mutex);
  if (state_->exposer != nullptr) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, "metrics are served already");
  }
  try {
    // A thread serves one connection: whoever opens some and says nothing must not keep Prometheus out for long.
    auto exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", "4", "request_timeout_ms", "2000", "enable_keep_alive", "no"});
    exposer->RegisterCollectable(state_->registry);
    exposer->RegisterCollectable(state_->board);
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

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = state_->registry->Collect();
  for (prometheus::MetricFamily& family : state_->board->Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace signet::telemetry
