// What the tables say, as gauges.
#ifndef SIGNET_SERVICES_SERVER_INVENTORY_H_
#define SIGNET_SERVICES_SERVER_INVENTORY_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/authority/authorities.h"
#include "services/authority/rotation.h"
#include "services/store/tables.h"
#include "services/telemetry/gauges.h"

namespace signet::server {

// Versions of the adapter that are shown by name; the rest is added up.
inline constexpr int kMostVersions = 16;
// A token that ends sooner is expiring.
inline constexpr absl::Duration kExpiringSoon = absl::Hours(24);

// Nodes, tokens, services and the audit log. Walks all nodes and tokens.
absl::StatusOr<telemetry::Gauges> InventoryOf(const store::Tables& tables, absl::Time now);
// What there is to rotate, and how far that is.
telemetry::Gauges RotationGauges(const authority::Authorities& authorities, const authority::Standing& standing);

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_INVENTORY_H_
