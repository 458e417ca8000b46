// The engines of one signetd, wired in the order in which they need each other.
#ifndef SIGNET_SERVICES_SERVER_CORE_H_
#define SIGNET_SERVICES_SERVER_CORE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/authority/rotation.h"
#include "services/authority/sightings.h"
#include "services/base/clock.h"
#include "services/base/random.h"
#include "services/enrollment/gatekeeper.h"
#include "services/enrollment/node_certificates.h"
#include "services/enrollment/node_life.h"
#include "services/enrollment/tokens.h"
#include "services/files/lock.h"
#include "services/issuance/issuer.h"
#include "services/issuance/kept_certificates.h"
#include "services/issuance/named_certificates.h"
#include "services/keys/custody.h"
#include "services/kubernetes/reviewer.h"
#include "services/revocation/revocation.h"
#include "services/server/config.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"
#include "services/telemetry/metrics.h"

namespace signet::server {

// What a server finds around it; must outlive it.
struct Surroundings {
  base::Clock& clock;
  base::Random& random;
  telemetry::Logger& logger;
};

// Members are destroyed in reverse: the lock on the data folder goes last.
struct Core {
  files::FileLock lock;
  std::unique_ptr<telemetry::Metrics> metrics;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<keys::Custody> custody;
  std::unique_ptr<authority::Authorities> authorities;
  std::unique_ptr<audit::AuditLog> audit;
  std::unique_ptr<issuance::Issuer> issuer;
  std::unique_ptr<issuance::NamedCertificates> named_certificates;
  std::unique_ptr<issuance::KeptCertificates> kept_certificates;
  std::unique_ptr<enrollment::Gatekeeper> gatekeeper;
  std::unique_ptr<enrollment::RequestLimits> request_limits;
  std::unique_ptr<kubernetes::Reviewer> pods;  // null where Kubernetes is not configured
  std::unique_ptr<enrollment::NodeCertificates> node_certificates;
  std::unique_ptr<enrollment::Tokens> tokens;
  std::unique_ptr<enrollment::NodeLife> node_life;
  std::unique_ptr<authority::Rotation> rotation;
  std::unique_ptr<authority::Sightings> sightings;
  std::unique_ptr<revocation::Revocation> revocation;
  std::string notice;  // FirstStartNotice

  // Locks the data folder, opens or makes key, store and authorities. Every error names what to do.
  static absl::StatusOr<std::unique_ptr<Core>> Open(const Config& config, const Surroundings& around);

 private:
  explicit Core(files::FileLock held) : lock(std::move(held)) {}
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_CORE_H_
