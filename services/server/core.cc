#include "services/server/core.h"

#include <algorithm>
#include <utility>

#include "services/base/status_macros.h"
#include "services/keys/sealed/sealed_custody.h"
#include "services/server/first_start.h"
#include "services/server/measured_store.h"
#include "services/store/sqlite/sqlite_store.h"

namespace signet::server {

namespace {

std::unique_ptr<kubernetes::Reviewer> ReviewerOf(const KubernetesSection& section, const Surroundings& around) {
  if (!section.on) return nullptr;
  return std::make_unique<kubernetes::Reviewer>(
      kubernetes::Endpoint{section.api, section.ca_file, section.token_file},
      kubernetes::Rules{section.audience, section.service_accounts, section.slurmd_owner == "nodeset"}, around.clock,
      around.logger);
}

authority::RotationRules RulesOf(const Config& config) {
  return {config.rotation_hold, std::max(config.node_profile.lifetime, config.service_profile.lifetime),
          config.authority_lifetime};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const Config& config, const Surroundings& around) {
  SIGNET_ASSIGN_OR_RETURN(files::FileLock lock, LockDataDir(config));
  auto core = std::unique_ptr<Core>(new Core(std::move(lock)));
  SIGNET_ASSIGN_OR_RETURN(KeyEncryptionKey kek, ReadOrCreateKek(config, around.random));
  const bool kek_created = kek.created;
  core->metrics = std::make_unique<telemetry::Metrics>(around.clock);
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store,
                          store::sqlite::Open({.path = DatabasePath(config)}, around.logger));
  core->store = std::make_unique<MeasuredStore>(std::move(store), *core->metrics);
  SIGNET_ASSIGN_OR_RETURN(core->custody, keys::sealed::SealedCustody::Create(std::move(kek.bytes), around.random));
  SIGNET_ASSIGN_OR_RETURN(
      const authority::Created created,
      authority::EnsureFirstAuthorities({config.cluster, config.authority_subject, config.authority_lifetime},
                                        *core->store, *core->custody, around.clock, around.random, around.logger));
  core->notice = FirstStartNotice(config, kek_created, created);
  if (kek_created) around.logger.Warning("kek.created", {{"path", config.kek_file}, {"next", "back it up"}});
  if (created.anything) {
    around.logger.Info("authorities.created", {{"slurm", created.slurm_authority_id},
                                               {"control", created.control_authority_id},
                                               {"bundle_pin", created.bundle_pin_hex}});
  }
  SIGNET_ASSIGN_OR_RETURN(core->authorities, authority::Authorities::Open(*core->store, *core->custody, around.clock));
  SIGNET_ASSIGN_OR_RETURN(std::shared_ptr<const keys::Signer> audit_key,
                          authority::OpenKey(*core->store, *core->custody, "audit"));
  core->audit = std::make_unique<audit::AuditLog>(config.cluster, std::move(audit_key), around.clock, around.logger);
  SIGNET_ASSIGN_OR_RETURN(core->issuer, issuance::Issuer::Create(*core->authorities, *core->store, around.clock,
                                                                 around.random, around.logger));
  core->named_certificates = std::make_unique<issuance::NamedCertificates>(
      config.cluster, *core->issuer, *core->audit, *core->store, config.service_profile, policy::ControlProfile());
  core->kept_certificates = std::make_unique<issuance::KeptCertificates>(*core->named_certificates, *core->authorities,
                                                                         *core->audit, *core->store, around.clock);
  core->gatekeeper = std::make_unique<enrollment::Gatekeeper>(config.cluster, around.clock);
  core->request_limits = std::make_unique<enrollment::RequestLimits>(config.request_rates, around.clock);
  core->pods = ReviewerOf(config.kubernetes, around);
  core->node_certificates =
      std::make_unique<enrollment::NodeCertificates>(*core->gatekeeper, *core->issuer, *core->audit, *core->store,
                                                     config.node_profile, *core->request_limits, core->pods.get());
  core->tokens = std::make_unique<enrollment::Tokens>(*core->audit, *core->store, around.clock);
  core->node_life = std::make_unique<enrollment::NodeLife>(*core->audit, *core->store, around.clock);
  core->rotation =
      std::make_unique<authority::Rotation>(config.cluster, RulesOf(config),
                                            authority::Rotation::Parts{*core->store, *core->custody, *core->authorities,
                                                                       *core->audit, around.clock, around.random});
  core->sightings = std::make_unique<authority::Sightings>(*core->store, *core->audit, around.clock);
  core->revocation =
      std::make_unique<revocation::Revocation>(*core->store, *core->authorities, *core->audit, around.clock);
  return core;
}

}  // namespace signet::server
