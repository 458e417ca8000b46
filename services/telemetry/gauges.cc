#include "services/telemetry/gauges.h"

#include <utility>

namespace signet::telemetry {

void Gauges::Set(const Family& family, std::vector<std::string> labels, double value) {
  samples_.push_back({&family, std::move(labels), value, /*is_moment=*/false, absl::InfinitePast()});
}
void Gauges::SetUntil(const Family& family, std::vector<std::string> labels, absl::Time when) {
  samples_.push_back({&family, std::move(labels), -1, /*is_moment=*/true, when});
}
void Gauges::SetSince(const Family& family, std::vector<std::string> labels, absl::Time when) {
  samples_.push_back({&family, std::move(labels), 1, /*is_moment=*/true, when});
}

double Gauges::Sample::At(absl::Time now) const {
  return is_moment ? value * absl::ToDoubleSeconds(now - when) : value;
}

}  // namespace signet::telemetry
