#include "services/authority/rotation_ground.h"

#include <algorithm>

#include "services/authority/authorities.h"
#include "services/authority/custody_label.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"

namespace signet::authority {
namespace {

bool SameGround(const Ground& a, const Ground& b) {
  const auto same_row = [](const store::AuthorityRow& one, const store::AuthorityRow& other) {
    return one.id == other.id && one.generation == other.generation;
  };
  return a.newest.signed_bundle == b.newest.signed_bundle && a.crosses.size() == b.crosses.size() &&
         std::equal(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(), same_row);
}

}  // namespace

const store::AuthorityRow* Ground::Find(absl::string_view id) const {
  const auto found = std::find_if(rows.begin(), rows.end(), [id](const auto& row) { return row.id == id; });
  return found == rows.end() ? nullptr : &*found;
}

const store::AuthorityRow* Ground::Active() const {
  const auto active = InState(store::AuthorityState::kActive);
  return active.empty() ? nullptr : active.front();
}

std::vector<const store::AuthorityRow*> Ground::InState(store::AuthorityState state) const {
  std::vector<const store::AuthorityRow*> found;
  for (const store::AuthorityRow& row : rows) {
    if (row.purpose == store::Purpose::kSlurm && row.state == state) found.push_back(&row);
  }
  return found;
}

absl::StatusOr<Ground> Survey(const store::Tables& tables) {
  Ground ground;
  SIGNET_ASSIGN_OR_RETURN(ground.rows, tables.authorities().List());
  SIGNET_ASSIGN_OR_RETURN(ground.crosses, tables.authorities().ListCrosses());
  SIGNET_ASSIGN_OR_RETURN(ground.newest, tables.bundles().Newest());
  return ground;
}

std::vector<store::AuthorityRow> After(const Ground& ground, const std::vector<store::AuthorityRow>& changed) {
  std::vector<store::AuthorityRow> rows = ground.rows;
  for (const store::AuthorityRow& row : changed) {
    const auto old = std::find_if(rows.begin(), rows.end(), [&row](const auto& one) { return one.id == row.id; });
    if (old == rows.end()) {
      rows.push_back(row);
    } else {
      *old = row;
    }
  }
  return rows;
}

absl::StatusOr<std::set<std::string>> Tainted(const Ground& ground, absl::string_view stolen_id, absl::Time now) {
  std::set<std::string> tainted = {std::string(stolen_id)};
  std::set<std::string> anchors;  // keys
  const auto has = [](const std::set<std::string>& set, const std::string& value) { return set.count(value) != 0; };
  for (std::size_t before = 0; before != tainted.size();) {
    before = tainted.size();
    for (const store::AuthorityRow& row : ground.rows) {
      SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(row));
      const std::string& key = anchor.public_key().spki_der();
      if (has(tainted, row.id)) anchors.insert(key);
      if (has(anchors, key)) tainted.insert(row.id);
    }
    for (const store::CrossRow& cross : ground.crosses) {
      if (cross.not_after >= now && has(tainted, cross.subject_id)) tainted.insert(cross.issuer_id);
    }
  }
  return tainted;
}

absl::StatusOr<std::optional<store::BundleRow>> BundleOf(const std::vector<store::AuthorityRow>& rows,
                                                         const Ground& ground, absl::string_view cluster,
                                                         const store::Store& store, keys::Custody& custody,
                                                         absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, AnchorsOf(rows, now));
  SIGNET_ASSIGN_OR_RETURN(const auto bundle_key, OpenKey(store, custody, kBundlePurpose));
  SIGNET_ASSIGN_OR_RETURN(store::BundleRow next, NextBundle(cluster, ground.newest, anchors, *bundle_key, now));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle before, bundle::ReadUnverified(ground.newest.signed_bundle));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle after, bundle::ReadUnverified(next.signed_bundle));
  if (before.ca_cert_pem == after.ca_cert_pem) return std::optional<store::BundleRow>();
  return std::optional<store::BundleRow>(std::move(next));
}

absl::Status CheckUnmoved(const Ground& ground, const store::Tables& tables) {
  SIGNET_ASSIGN_OR_RETURN(const Ground current, Survey(tables));
  if (SameGround(current, ground)) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                       "the authorities or the trust bundle changed meanwhile; nothing was done", "repeat the command");
}

absl::Status StoreDraft(const Draft& draft, const audit::AuditLog& audit, store::Tables& tables) {
  for (const store::AuthorityRow& row : draft.changed) SIGNET_RETURN_IF_ERROR(tables.authorities().Update(row));
  for (const store::AuthorityRow& row : draft.added) SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(row));
  if (draft.cross.has_value()) SIGNET_RETURN_IF_ERROR(tables.authorities().InsertCross(*draft.cross));
  if (draft.bundle.has_value()) SIGNET_RETURN_IF_ERROR(tables.bundles().Insert(*draft.bundle));
  return audit.Append(tables, draft.event);
}

}  // namespace signet::authority
