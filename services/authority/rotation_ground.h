// What a step of a rotation stands on, and what it stores. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_ROTATION_GROUND_H_
#define SIGNET_SERVICES_AUTHORITY_ROTATION_GROUND_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/authority/authority.h"
#include "services/keys/custody.h"
#include "services/store/store.h"

namespace signet::authority {

// What one snapshot says.
struct Ground {
  std::vector<store::AuthorityRow> rows;
  std::vector<store::AuthorityRequestRow> requests;
  std::vector<store::CrossRow> crosses;
  store::BundleRow newest;

  // Null when there is none.
  const store::AuthorityRow* Find(absl::string_view id) const;
  const store::AuthorityRequestRow* FindRequest(absl::string_view id) const;
  const store::AuthorityRow* Active() const;
  // Of purpose Slurm, oldest first.
  std::vector<const store::AuthorityRow*> InState(store::AuthorityState state) const;
};
absl::StatusOr<Ground> Survey(const store::Tables& tables);

inline bool IsOpen(const store::AuthorityRequestRow& row) { return row.withdrawn_at == absl::InfinitePast(); }
// As cross.h reads an authority: without its signer and what its leaves carry.
absl::StatusOr<Authority> Unopened(const store::AuthorityRow& row);
// FAILED_PRECONDITION when two are prepared, or none is active.
absl::Status CheckMayPrepare(const Ground& ground);
// FAILED_PRECONDITION when `active` does not live long enough to vouch for a successor for `cross`.
absl::Status CheckRoomForCross(const store::AuthorityRow& active, absl::Duration cross, absl::Time now);

// `rows` with those of `changed` in the place of the old ones, or behind them.
std::vector<store::AuthorityRow> After(const Ground& ground, const std::vector<store::AuthorityRow>& changed);

// The stolen one, whoever has a key with one of these, its own or one above it (KeysOf), and every signer of a live
// cross certificate for one of these: by each of them the stolen key would be accepted.
absl::StatusOr<std::set<std::string>> Tainted(const Ground& ground, absl::string_view stolen_id, absl::Time now);

// Everything that one step's transaction stores, made and signed before it begins: signing inside would hold up every
// other writer.
struct Draft {
  std::vector<store::AuthorityRow> added;
  std::vector<store::AuthorityRow> changed;  // in this order: who retires comes before who becomes active
  std::optional<store::AuthorityRequestRow> requested;
  std::string answered_request;  // id: its authority is among `added`; empty: none, here and below
  std::string withdrawn_request;
  absl::Time withdrawn_at;
  std::optional<store::CrossRow> cross;
  std::optional<store::BundleRow> bundle;
  audit::Event event;
};

// What the audit log says of a cross certificate.
void AddCross(const store::CrossRow& row, audit::Event& event);

// The bundle of what is trusted among `rows`; nullopt when the newest holds the same. Signs.
absl::StatusOr<std::optional<store::BundleRow>> BundleOf(const std::vector<store::AuthorityRow>& rows,
                                                         const Ground& ground, absl::string_view cluster,
                                                         const store::Store& store, keys::Custody& custody,
                                                         absl::Time now);

// ABORTED when the tables are no longer what `ground` says. Comes before anything that a transaction judges or stores.
absl::Status CheckUnmoved(const Ground& ground, const store::Tables& tables);
absl::Status StoreDraft(const Draft& draft, const audit::AuditLog& audit, store::Tables& tables);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_ROTATION_GROUND_H_
