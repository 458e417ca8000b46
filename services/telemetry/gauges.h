// Numbers that are measured together and shown together.
#ifndef SIGNET_SERVICES_TELEMETRY_GAUGES_H_
#define SIGNET_SERVICES_TELEMETRY_GAUGES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/telemetry/catalogue.h"

namespace signet::telemetry {

// A set of gauges of the catalogue. A moment is kept as such, and its seconds are reckoned when somebody looks: they go
// on counting while whoever measured it is stuck. Not thread-safe.
class Gauges {
 public:
  // `labels`: values in the order of the family's labels.
  void Set(const Family& family, std::vector<std::string> labels, double value);
  // Seconds until `when`; negative after it.
  void SetUntil(const Family& family, std::vector<std::string> labels, absl::Time when);
  // Seconds since `when`.
  void SetSince(const Family& family, std::vector<std::string> labels, absl::Time when);

  struct Sample {
    const Family* family;
    std::vector<std::string> labels;
    double value;  // of a moment: 1 counts since it, -1 until it
    bool is_moment;
    absl::Time when;
    double At(absl::Time now) const;
  };
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  std::vector<Sample> samples_;
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_GAUGES_H_
