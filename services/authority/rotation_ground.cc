#include "services/authority/rotation_ground.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "services/authority/authorities.h"
#include "services/authority/ca_certificate.h"
#include "services/authority/custody_label.h"
#include "services/authority/gate_words.h"
#include "services/authority/rotation_words.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"

namespace signet::authority {
namespace {

constexpr std::size_t kMostPrepared = 2;

bool SameGround(const Ground& a, const Ground& b) {
  const auto same_row = [](const store::AuthorityRow& one, const store::AuthorityRow& other) {
    return one.id == other.id && one.generation == other.generation;
  };
  const auto same_request = [](const store::AuthorityRequestRow& one, const store::AuthorityRequestRow& other) {
    return one.id == other.id && one.withdrawn_at == other.withdrawn_at;
  };
  return a.newest.signed_bundle == b.newest.signed_bundle && a.crosses.size() == b.crosses.size() &&
         std::equal(a.requests.begin(), a.requests.end(), b.requests.begin(), b.requests.end(), same_request) &&
         std::equal(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(), same_row);
}

}  // namespace

const store::AuthorityRow* Ground::Find(absl::string_view id) const {
  const auto found = std::find_if(rows.begin(), rows.end(), [id](const auto& row) { return row.id == id; });
  return found == rows.end() ? nullptr : &*found;
}

const store::AuthorityRequestRow* Ground::FindRequest(absl::string_view id) const {
  const auto found = std::find_if(requests.begin(), requests.end(), [id](const auto& row) { return row.id == id; });
  return found == requests.end() ? nullptr : &*found;
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
  SIGNET_ASSIGN_OR_RETURN(ground.requests, tables.authorities().ListRequests());
  SIGNET_ASSIGN_OR_RETURN(ground.crosses, tables.authorities().ListCrosses());
  SIGNET_ASSIGN_OR_RETURN(ground.newest, tables.bundles().Newest());
  return ground;
}

absl::StatusOr<Authority> Unopened(const store::AuthorityRow& row) {
  SIGNET_ASSIGN_OR_RETURN(x509::Certificate certificate, x509::Certificate::FromDer(row.certificate_der));
  SIGNET_ASSIGN_OR_RETURN(x509::Certificate anchor, AnchorOf(row));
  Authority authority{row.id, row.purpose, row.state, std::move(certificate), nullptr, {}, std::move(anchor), {}};
  if (!row.intermediates_pem.empty()) {
    SIGNET_ASSIGN_OR_RETURN(authority.intermediates, x509::Certificate::ListFromPem(row.intermediates_pem));
  }
  authority.prepared_at = row.created_at;
  authority.activated_at = row.activated_at;
  authority.retired_at = row.retired_at;
  authority.revoked_at = row.revoked_at;
  return authority;
}

absl::Status CheckMayPrepare(const Ground& ground) {
  const auto prepared = ground.InState(store::AuthorityState::kPrepared);
  if (prepared.size() >= kMostPrepared) {
    return Illegal(
        absl::StrCat("authorities ", Described(*prepared[0]), " and ", Described(*prepared[1]),
                     " are prepared, and each is live trust"),
        absl::StrCat(VerbCommand(Verb::kActivate, *prepared[0]), ", or ", VerbCommand(Verb::kWithdraw, *prepared[1])));
  }
  if (ground.Active() != nullptr) return absl::OkStatus();
  return Illegal("there is no active authority for slurm", "signetctl authority list");
}

absl::Status CheckRoomForCross(const store::AuthorityRow& active, absl::Duration cross, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(active.certificate_der));
  if (now + cross <= certificate.not_after()) return absl::OkStatus();
  return Illegal(absl::StrCat("authority ", Described(active), " ends at ", TimeText(certificate.not_after()),
                              "; it would have to vouch for its successor for ", DurationText(cross),
                              ", the hold and two leaf lifetimes"),
                 "set rotation.hold or profiles.service.lifetime in signetd.yaml lower, or, with an outage, "
                 "signetctl authority emergency");
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
  std::set<std::string> tainted_keys;
  const auto has = [](const std::set<std::string>& set, const std::string& value) { return set.count(value) != 0; };
  // Every key above counts too: who shares one with a stolen authority may stand before it in the list, and the
  // certificate of one key for another root leads from the stolen one to that root.
  for (std::size_t before = 0; before != tainted.size() + tainted_keys.size();) {
    before = tainted.size() + tainted_keys.size();
    for (const store::AuthorityRow& row : ground.rows) {
      SIGNET_ASSIGN_OR_RETURN(const std::set<std::string> keys, KeysOf(row));
      const bool shares =
          std::any_of(keys.begin(), keys.end(), [&](const std::string& key) { return has(tainted_keys, key); });
      if (shares) tainted.insert(row.id);
      if (has(tainted, row.id)) tainted_keys.insert(keys.begin(), keys.end());
    }
    for (const store::CrossRow& cross : ground.crosses) {
      if (cross.not_after >= now && has(tainted, cross.subject_id)) tainted.insert(cross.issuer_id);
    }
  }
  return tainted;
}

void AddCross(const store::CrossRow& row, audit::Event& event) {
  event.facts["cross_serial"] = row.serial;
  event.facts["cross_not_after"] = TimeText(row.not_after);
  const auto cross = x509::Certificate::FromDer(row.certificate_der);
  if (cross.ok()) event.facts["cross_tbs_sha256"] = absl::BytesToHexString(x509::Sha256(cross->tbs_der()));
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
  if (draft.requested.has_value()) SIGNET_RETURN_IF_ERROR(tables.authorities().InsertRequest(*draft.requested));
  if (!draft.answered_request.empty()) {
    SIGNET_RETURN_IF_ERROR(tables.authorities().DeleteRequest(draft.answered_request).status());
  }
  if (!draft.withdrawn_request.empty()) {
    SIGNET_RETURN_IF_ERROR(tables.authorities().WithdrawRequest(draft.withdrawn_request, draft.withdrawn_at).status());
  }
  if (draft.cross.has_value()) SIGNET_RETURN_IF_ERROR(tables.authorities().InsertCross(*draft.cross));
  if (draft.bundle.has_value()) SIGNET_RETURN_IF_ERROR(tables.bundles().Insert(*draft.bundle));
  return audit.Append(tables, draft.event);
}

}  // namespace signet::authority
