// What is known of who has loaded which root, besides the nodes' statements: reports, probes, acknowledgements.
#ifndef SIGNET_SERVICES_AUTHORITY_SIGHTINGS_H_
#define SIGNET_SERVICES_AUTHORITY_SIGHTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/base/clock.h"
#include "services/store/store.h"

namespace signet::authority {

// Thread-safe. References must outlive this.
class Sightings {
 public:
  Sightings(store::Store& store, const audit::AuditLog& audit, base::Clock& clock);

  // Stores what a program on a host says of itself; reported_by and reported_at are set here. A loaded bundle without
  // evidence is stored as unknown. INVALID_ARGUMENT / MALFORMED for a host that is no host name, an unknown program, a
  // hash that is none; ACCESS_DENIED when the caller's role may not speak for this program: a controller for slurmctld,
  // a service for itself, an observer for "host" under its own name, an administrator for all. Not audited: it is a
  // routine of every renewal.
  absl::Status Report(const store::ReportRow& report, const audit::Origin& origin);

  // Stores answers to a probe; probed_at is set here. One that trusts counts only when it came with a certificate made
  // here for that host and program, a service's for a service, which has not ended and is not revoked: else another
  // host answered, and it is not stored. Gives the hosts of those, sorted. Audited once, as "rotation.probe", with the
  // counts.
  absl::StatusOr<std::vector<std::string>> RecordProbes(absl::string_view authority_id,
                                                        const std::vector<store::ProbeRow>& results,
                                                        const audit::Origin& origin);

  // The number that were not acknowledged before. NOT_FOUND for an unknown authority. Audited as "rotation.ack".
  absl::StatusOr<int64_t> Acknowledge(absl::string_view authority_id, const std::vector<std::string>& hosts,
                                      absl::string_view reason, const audit::Origin& origin);

 private:
  store::Store& store_;
  const audit::AuditLog& audit_;
  base::Clock& clock_;
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_SIGHTINGS_H_
