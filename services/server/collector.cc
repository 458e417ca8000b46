#include "services/server/collector.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/authority/custody_label.h"
#include "services/base/status_macros.h"
#include "services/server/inventory.h"

namespace signet::server {
namespace {

namespace metric = telemetry::metric;
using telemetry::GaugeGroup;
using telemetry::Gauges;

// Begins no DER and no other domain of docs/formats.md: no signature over it is of use to anybody.
constexpr char kTestDomain[] = "signet/self-test/v1";

double SizeOf(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<double>(info.st_size) : 0;
}

absl::Duration Since(std::chrono::steady_clock::time_point began) {
  return absl::FromChrono(std::chrono::steady_clock::now() - began);
}

absl::Status TestSigner(const keys::Signer& signer, base::Random& random) {
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(signer.public_key());
  const std::string message = absl::StrCat(kTestDomain, std::string(1, '\0'), random.Bytes(16));
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, signer.Sign(algorithm, message));
  return signer.public_key().Verify(algorithm, message, signature);
}

}  // namespace

absl::Duration PauseAfter(absl::Duration took) {
  return std::clamp(100 * took, absl::Seconds(15), absl::Duration(absl::Minutes(5)));
}

Collector::Collector(const Parts& parts, std::string data_dir, std::string database)
    : parts_(parts), data_dir_(std::move(data_dir)), database_(std::move(database)) {}

Collector::~Collector() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Collector::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Collector::Loop() {
  while (true) {
    const auto began = std::chrono::steady_clock::now();
    // Said in the metrics and in the log.
    Collect().IgnoreError();
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(PauseAfter(Since(began)));
    base::MutexLock lock(mutex_);
    while (!stopping_ && std::chrono::steady_clock::now() < until) {
      stop_.WaitFor(mutex_, until - std::chrono::steady_clock::now());
    }
    if (stopping_) return;
  }
}

absl::Status Collector::Collect() {
  const auto began = std::chrono::steady_clock::now();
  absl::Status status = ShowInventory();
  const bool answers = !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status);
  ShowStore(answers);
  if (answers) status.Update(ShowRotation());
  ShowSigners(/*stored=*/answers);
  if (status.ok()) collected_at_ = parts_.clock.Now();
  Gauges own;
  if (collected_at_ > absl::InfinitePast()) own.SetSince(metric::kCollectAge, {}, collected_at_);
  own.Set(metric::kCollectSeconds, {}, absl::ToDoubleSeconds(Since(began)));
  parts_.metrics.Show(GaugeGroup::kCollector, std::move(own));
  parts_.metrics.CountCollection(status.ok());
  if (status.ok() == failing_) {
    parts_.logger.Write(status.ok() ? telemetry::Level::kInfo : telemetry::Level::kWarning,
                        status.ok() ? "metrics.collected" : "metrics.not_collected",
                        {{"message", std::string(status.message())}});
  }
  failing_ = !status.ok();
  return status;
}

absl::Status Collector::ShowInventory() {
  Gauges gauges;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(gauges, InventoryOf(tables, parts_.clock.Now()));
    return absl::OkStatus();
  }));
  parts_.metrics.Show(GaugeGroup::kInventory, std::move(gauges));
  return absl::OkStatus();
}

absl::Status Collector::ShowRotation() {
  SIGNET_ASSIGN_OR_RETURN(const authority::Standing standing, parts_.rotation.Stand());
  parts_.metrics.Show(GaugeGroup::kRotation, RotationGauges(parts_.authorities, standing));
  return absl::OkStatus();
}

void Collector::ShowSigners(bool stored) {
  Gauges gauges;
  const auto test = [&](const char* key, const absl::StatusOr<std::shared_ptr<const keys::Signer>>& signer) {
    const auto began = std::chrono::steady_clock::now();
    const absl::Status tested = signer.ok() ? TestSigner(**signer, parts_.random) : signer.status();
    gauges.Set(metric::kSignerOk, {key}, tested.ok() ? 1 : 0);
    gauges.Set(metric::kSignerSeconds, {key}, absl::ToDoubleSeconds(Since(began)));
    if (!tested.ok()) {
      parts_.logger.Error("signer.failed", {{"key", key}, {"message", std::string(tested.message())}});
    }
  };
  const auto active = [&](store::Purpose purpose) -> absl::StatusOr<std::shared_ptr<const keys::Signer>> {
    SIGNET_ASSIGN_OR_RETURN(const auto authority, parts_.authorities.Active(purpose));
    if (authority->signer == nullptr) return absl::FailedPreconditionError("the active authority has no key");
    return authority->signer;
  };
  test("slurm", active(store::Purpose::kSlurm));
  test("control", active(store::Purpose::kControl));
  for (const char* const purpose : {authority::kBundlePurpose, authority::kAuditPurpose}) {
    if (stored) test(purpose, authority::OpenKey(parts_.store, parts_.custody, purpose));
  }
  parts_.metrics.Show(GaugeGroup::kSigners, std::move(gauges));
}

void Collector::ShowStore(bool answers) {
  Gauges gauges;
  gauges.Set(metric::kStoreOk, {}, answers ? 1 : 0);
  struct statvfs disk {};
  if (::statvfs(data_dir_.c_str(), &disk) == 0) {
    gauges.Set(metric::kStoreFree, {}, static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize));
  }
  gauges.Set(metric::kStoreSize, {}, SizeOf(database_) + SizeOf(absl::StrCat(database_, "-wal")));
  parts_.metrics.Show(GaugeGroup::kStore, std::move(gauges));
}

}  // namespace signet::server
