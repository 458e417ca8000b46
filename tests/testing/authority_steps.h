// Steps of an authority's life taken in the store, without gates, and behind the back of whoever has read the list.
#ifndef SIGNET_TESTS_TESTING_AUTHORITY_STEPS_H_
#define SIGNET_TESTS_TESTING_AUTHORITY_STEPS_H_

#include <functional>
#include <string>

#include "services/authority/cross.h"
#include "services/authority/new_root.h"
#include "tests/testing/test_root.h"
#include "tests/testing/world.h"

namespace signet::testing {

inline absl::Status ChangeRow(store::Tables& tables, const std::string& id,
                              const std::function<void(store::AuthorityRow&)>& change) {
  for (store::AuthorityRow& row : Must(tables.authorities().List())) {
    if (row.id != id) continue;
    change(row);
    return tables.authorities().Update(row);
  }
  return absl::NotFoundError(id);
}

inline void SetState(World& world, const std::string& id, store::AuthorityState state) {
  const auto set = [&](store::Tables& tables) {
    return ChangeRow(tables, id, [state](store::AuthorityRow& row) { row.state = state; });
  };
  Must(world.store->Write(set));
}

inline void InsertAuthority(World& world, const store::AuthorityRow& row) {
  const auto insert = [&](store::Tables& tables) { return tables.authorities().Insert(row); };
  Must(world.store->Write(insert));
}

// A PREPARED root; its id. The list is read again.
inline std::string AddPrepared(World& world, absl::string_view subject = "CN=Slurm CA 2,O=Example") {
  const store::AuthorityRow row = Must(authority::MakeRoot(store::Purpose::kSlurm, subject, world.lifetime,
                                                           *world.custody, world.random, world.clock.Now()));
  InsertAuthority(world, row);
  Must(world.authorities->Reload());
  return row.id;
}

// A PREPARED authority whose certificate `root`, somewhere offline, signed; its id. The list is read again.
inline std::string AddSubordinate(World& world, const TestRoot& root, absl::string_view subject) {
  const absl::Time now = world.clock.Now();
  const keys::CustodyKey key = Must(world.custody->Create("slurm-authority"));
  const x509::PublicKey public_key = Must(x509::PublicKey::FromSpkiDer(key.spki_der));
  x509::CertificateTemplate own =
      Must(policy::RootTemplate(subject, absl::Hours(24 * 1000), public_key, world.random.Bytes(20), now));
  own.issuer_der = root.certificate.subject_der();
  own.authority_key_id = root.certificate.subject_key_id();
  const x509::Certificate certificate = SignTemplate(own, root.key);
  store::AuthorityRow row;
  row.id = public_key.key_id();
  row.certificate_der = certificate.der();
  row.custody = key.custody;
  row.handle = key.handle;
  row.spki_der = key.spki_der;
  row.created_at = now;
  row.intermediates_pem = certificate.pem();
  row.anchor_der = root.certificate.der();
  InsertAuthority(world, row);
  Must(world.authorities->Reload());
  return row.id;
}

// `id` takes the place of the active Slurm authority, which vouches for it where that is needed. The list is not read
// again. The id of the former one.
inline std::string Activate(World& world, const std::string& id, absl::Duration cross_lifetime = absl::Hours(24 * 28)) {
  const auto former = Must(world.authorities->Active(store::Purpose::kSlurm));
  const auto next = Must(world.authorities->Find(id));
  const bool vouch = authority::NeedsCross(*former, *next);
  store::CrossRow cross;
  if (vouch) {
    cross = Must(authority::MakeCross(*former, *next, cross_lifetime, world.random.Bytes(20), world.clock.Now()));
  }
  const auto activate = [&](store::Tables& tables) -> absl::Status {
    if (vouch) SIGNET_RETURN_IF_ERROR(tables.authorities().InsertCross(cross));
    SIGNET_RETURN_IF_ERROR(ChangeRow(tables, former->id, [&](store::AuthorityRow& row) {
      row.state = store::AuthorityState::kRetired;
      row.retired_at = world.clock.Now();
    }));
    return ChangeRow(tables, id, [&](store::AuthorityRow& row) {
      row.state = store::AuthorityState::kActive;
      row.activated_at = world.clock.Now();
    });
  };
  Must(world.store->Write(activate));
  return former->id;
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_AUTHORITY_STEPS_H_
