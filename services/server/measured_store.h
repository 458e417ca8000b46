// The store, with a watch in hand.
#ifndef SIGNET_SERVICES_SERVER_MEASURED_STORE_H_
#define SIGNET_SERVICES_SERVER_MEASURED_STORE_H_

#include <functional>
#include <memory>

#include "services/store/store.h"
#include "services/telemetry/metrics.h"

namespace signet::server {

// Counts what becomes of each Write, and how long it took; otherwise the store it holds. An error that the work itself
// returned says nothing of the store and is not counted. `metrics` must outlive this.
class MeasuredStore final : public store::Store {
 public:
  MeasuredStore(std::unique_ptr<store::Store> real, telemetry::Metrics& metrics)
      : real_(std::move(real)), metrics_(metrics) {}
  absl::Status Write(absl::FunctionRef<absl::Status(store::Tables&)> work) override;
  void WriteLater(std::function<absl::Status(store::Tables&)> work) override { real_->WriteLater(std::move(work)); }
  absl::Status Scrub() override { return real_->Scrub(); }
  absl::Status Read(absl::FunctionRef<absl::Status(const store::Tables&)> work) const override {
    return real_->Read(work);
  }

 private:
  const std::unique_ptr<store::Store> real_;
  telemetry::Metrics& metrics_;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_MEASURED_STORE_H_
