// A throwaway server side: sqlite store in a temporary directory, sealed custody, first authorities and all engines
// over them.
#ifndef SIGNET_TESTS_TESTING_WORLD_H_
#define SIGNET_TESTS_TESTING_WORLD_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

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
#include "services/evidence/token.h"
#include "services/issuance/issuer.h"
#include "services/issuance/named_certificates.h"
#include "services/keys/sealed/sealed_custody.h"
#include "services/revocation/revocation.h"
#include "services/store/sqlite/sqlite_store.h"
#include "services/telemetry/logger.h"
#include "tests/testing/counting_custody.h"
#include "tests/testing/faulty_store.h"
#include "tests/testing/must.h"
#include "tests/testing/temp_dir.h"

namespace signet::testing {

// Members are the very objects that signetd wires; tests reach for them. The clock stands still, at 2026-01-01 if not
// told otherwise.
struct World {
  explicit World(std::string cluster_name = "alpha", absl::Duration authority_lifetime = absl::Hours(24 * 3650),
                 absl::Time start = absl::FromUnixSeconds(1767225600))
      : cluster(std::move(cluster_name)), lifetime(authority_lifetime), clock(start), kek(random.Bytes(32)) {
    Start();
  }

  // As a restart of signetd: everything is closed and opened again on the same file.
  void Restart() {
    Stop();
    Start();
  }

  // A token as `signetctl token create` makes it, registered.
  evidence::Token MakeToken(const std::string& node, evidence::TokenKind kind = evidence::TokenKind::kSingleUse,
                            const std::string& daemon = "slurmd", absl::Duration ttl = absl::ZeroDuration()) {
    evidence::Token token{cluster, node, daemon, kind, Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256)), ""};
    Must(tokens->Create({{node, daemon, kind, token.key.public_key().spki_der(), ttl, ""}}, false, origin));
    return token;
  }

  store::NodeRow Node(const std::string& name, const std::string& daemon = "slurmd") {
    store::NodeRow row;
    Must(store->Read([&](const store::Tables& tables) {
      auto found = tables.nodes().Find(name, daemon);
      if (found.ok()) row = *found;
      return found.status();
    }));
    return row;
  }
  // What `read` finds: a function of const store::Tables& that returns a StatusOr.
  template <typename Function>
  auto Read(Function read) -> decltype(read(std::declval<const store::Tables&>())) {
    decltype(read(std::declval<const store::Tables&>())) result = absl::UnknownError("not run");
    Must(store->Read([&](const store::Tables& tables) {
      result = read(tables);
      return absl::OkStatus();
    }));
    return result;
  }
  std::vector<store::CertificateRow> Certificates(const std::string& subject) {
    std::vector<store::CertificateRow> rows;
    Must(store->Read([&](const store::Tables& tables) {
      auto page = tables.certificates().List({subject, "", 1000});
      if (page.ok()) rows = page->rows;
      return page.status();
    }));
    return rows;
  }
  std::vector<store::AuditRow> AuditRows() {
    std::vector<store::AuditRow> rows;
    Must(store->Read([&](const store::Tables& tables) {
      auto listed = tables.audit().List(0, 10000);
      if (listed.ok()) rows = *listed;
      return listed.status();
    }));
    return rows;
  }
  x509::Certificate Root(store::Purpose purpose = store::Purpose::kSlurm) {
    return Must(authorities->Active(purpose))->certificate;
  }

  // Set before Restart(). The clock stands still and would give nothing back, so the limits are out of the way.
  enrollment::RequestRates request_rates{1'000'000, 1'000'000};
  enrollment::PodReviewer* pods = nullptr;
  authority::RotationRules rotation_rules;

  std::string cluster;
  absl::Duration lifetime;
  TempDir dir;
  base::FakeClock clock;
  base::SystemRandom random;
  std::string kek;
  std::unique_ptr<telemetry::Logger> logger = telemetry::MakeNullLogger();
  audit::Origin origin{"socket:admin", "0123456789abcdef", "admin"};
  std::unique_ptr<FaultyStore> store;
  std::unique_ptr<CountingCustody> custody;
  authority::Created created;
  std::unique_ptr<authority::Authorities> authorities;
  std::unique_ptr<audit::AuditLog> audit;
  std::unique_ptr<issuance::Issuer> issuer;
  std::unique_ptr<issuance::NamedCertificates> named;
  std::unique_ptr<enrollment::Gatekeeper> gatekeeper;
  std::unique_ptr<enrollment::RequestLimits> request_limits;
  std::unique_ptr<enrollment::NodeCertificates> node_certificates;
  std::unique_ptr<enrollment::Tokens> tokens;
  std::unique_ptr<enrollment::NodeLife> node_life;
  std::unique_ptr<authority::Rotation> rotation;
  std::unique_ptr<authority::Sightings> sightings;
  std::unique_ptr<revocation::Revocation> revocation;

 private:
  void Start() {
    store = std::make_unique<FaultyStore>(Must(store::sqlite::Open({dir.File("signet.db")}, *logger)));
    custody =
        std::make_unique<CountingCustody>(Must(keys::sealed::SealedCustody::Create(base::SecretBytes(kek), random)));
    created = Must(authority::EnsureFirstAuthorities({cluster, "CN=Slurm CA,O=Example", lifetime}, *store, *custody,
                                                     clock, random, *logger));
    authorities = Must(authority::Authorities::Open(*store, *custody, clock));
    audit =
        std::make_unique<audit::AuditLog>(cluster, Must(authority::OpenKey(*store, *custody, "audit")), clock, *logger);
    issuer = Must(issuance::Issuer::Create(*authorities, *store, clock, random, *logger));
    named = std::make_unique<issuance::NamedCertificates>(cluster, *issuer, *audit, *store, policy::ServiceProfile(),
                                                          policy::ControlProfile());
    gatekeeper = std::make_unique<enrollment::Gatekeeper>(cluster, clock);
    request_limits = std::make_unique<enrollment::RequestLimits>(request_rates, clock);
    node_certificates = std::make_unique<enrollment::NodeCertificates>(*gatekeeper, *issuer, *audit, *store,
                                                                       policy::NodeProfile(), *request_limits, pods);
    tokens = std::make_unique<enrollment::Tokens>(*audit, *store, clock);
    node_life = std::make_unique<enrollment::NodeLife>(*audit, *store, clock);
    rotation = std::make_unique<authority::Rotation>(
        cluster, rotation_rules, authority::Rotation::Parts{*store, *custody, *authorities, *audit, clock, random});
    sightings = std::make_unique<authority::Sightings>(*store, *audit, clock);
    revocation = std::make_unique<signet::revocation::Revocation>(*store, *authorities, *audit, clock);
  }
  void Stop() {
    revocation.reset();
    sightings.reset();
    rotation.reset();
    node_life.reset();
    tokens.reset();
    node_certificates.reset();
    request_limits.reset();
    gatekeeper.reset();
    named.reset();
    issuer.reset();
    audit.reset();
    authorities.reset();
    custody.reset();
    store.reset();
  }
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_WORLD_H_
