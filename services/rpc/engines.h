// What the handlers hand requests to.
#ifndef SIGNET_SERVICES_RPC_ENGINES_H_
#define SIGNET_SERVICES_RPC_ENGINES_H_

#include <string>

#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/authority/rotation.h"
#include "services/authority/sightings.h"
#include "services/base/clock.h"
#include "services/enrollment/node_certificates.h"
#include "services/enrollment/node_life.h"
#include "services/enrollment/tokens.h"
#include "services/issuance/named_certificates.h"
#include "services/keys/custody.h"
#include "services/revocation/revocation.h"
#include "services/store/store.h"
#include "services/telemetry/metrics.h"

namespace signet::rpc {

// References must outlive the services that use this.
struct Engines {
  std::string cluster;
  std::string version;
  enrollment::NodeCertificates& node_certificates;
  enrollment::Tokens& tokens;
  enrollment::NodeLife& node_life;
  issuance::NamedCertificates& named_certificates;
  authority::Authorities& authorities;
  authority::Rotation& rotation;
  authority::Sightings& sightings;
  revocation::Revocation& revocation;
  keys::Custody& custody;
  const audit::AuditLog& audit;
  store::Store& store;
  base::Clock& clock;
  telemetry::Metrics& metrics;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_ENGINES_H_
