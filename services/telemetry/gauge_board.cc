#include "services/telemetry/gauge_board.h"

#include <dirent.h>
#include <sys/resource.h>

#include <memory>
#include <utility>

#include "services/telemetry/labels.h"

namespace signet::telemetry {
namespace {

// Of this process; 0 when /proc cannot be read.
int OpenFiles() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
  if (folder == nullptr) return 0;
  int count = 0;
  while (::readdir(folder.get()) != nullptr) ++count;
  // ".", ".." and the folder itself.
  return count - 3;
}

prometheus::ClientMetric MetricOf(const std::map<std::string, std::string>& labels, double value) {
  prometheus::ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  metric.gauge.value = value;
  return metric;
}

}  // namespace

void GaugeBoard::Show(int group, Gauges gauges) {
  const base::MutexLock lock(mutex_);
  groups_[group] = std::move(gauges);
}

void GaugeBoard::SetVersion(absl::string_view version) {
  const base::MutexLock lock(mutex_);
  version_ = std::string(version);
}

void GaugeBoard::SetWriteOk(bool ok) {
  const base::MutexLock lock(mutex_);
  write_ok_ = ok;
}

bool GaugeBoard::NotePublish(absl::string_view kind, bool good) {
  const absl::Time now = clock_.Now();
  const base::MutexLock lock(mutex_);
  // Also where it failed: from the first attempt on it is missing.
  const auto [entry, first] = published_.try_emplace(std::string(kind), now);
  if (good) entry->second = now;
  return first;
}

Gauges GaugeBoard::Own() const {
  Gauges own;
  if (!version_.empty()) own.Set(metric::kBuild, {version_}, 1);
  own.Set(metric::kProcessStart, {}, absl::ToDoubleSeconds(started_ - absl::UnixEpoch()));
  own.Set(metric::kOpenFiles, {}, OpenFiles());
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) own.Set(metric::kMostFiles, {}, static_cast<double>(files.rlim_cur));
  if (write_ok_.has_value()) own.Set(metric::kStoreWriteOk, {}, *write_ok_ ? 1 : 0);
  for (const auto& [kind, at] : published_) own.SetSince(metric::kPublishAge, {kind}, at);
  return own;
}

std::vector<prometheus::MetricFamily> GaugeBoard::Collect() const {
  const absl::Time now = clock_.Now();
  // Of this collection alone: what was shown once must keep no place from what is there now.
  LabelValues labels;
  // By family, then by labels: what "other" stands for is added up.
  std::map<const Family*, std::map<std::map<std::string, std::string>, double>> values;
  const auto add = [&](const Gauges& gauges) {
    for (const Gauges::Sample& sample : gauges.samples()) {
      values[sample.family][labels.Admit(*sample.family, {sample.labels.begin(), sample.labels.end()})] +=
          sample.At(now);
    }
  };
  {
    const base::MutexLock lock(mutex_);
    add(Own());
    for (const auto& [group, gauges] : groups_) add(gauges);
  }
  std::vector<prometheus::MetricFamily> families;
  for (const auto& [family, samples] : values) {
    prometheus::MetricFamily shown{family->name, family->help, prometheus::MetricType::Gauge, {}};
    for (const auto& [of, value] : samples) shown.metric.push_back(MetricOf(of, value));
    families.push_back(std::move(shown));
  }
  return families;
}

}  // namespace signet::telemetry
