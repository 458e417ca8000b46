#include "services/authority/observations.h"

#include <algorithm>

#include "services/base/status_macros.h"

namespace signet::authority {
namespace {
constexpr int kPage = 1000;
}  // namespace

absl::StatusOr<std::map<HostProgram, store::ReportRow>> NewestReports(const store::Tables& tables) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ReportRow> rows, tables.sightings().ListReports());
  std::map<HostProgram, store::ReportRow> reports;
  for (const store::ReportRow& row : rows) reports[{row.host, row.program}] = row;
  return reports;
}

absl::StatusOr<std::map<HostProgram, store::ProbeRow>> ProbesSince(const store::Tables& tables,
                                                                   absl::string_view authority_id, absl::Time since,
                                                                   absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ProbeRow> rows, tables.sightings().ListProbes(authority_id));
  std::map<HostProgram, store::ProbeRow> probes;
  for (const store::ProbeRow& row : rows) {
    if (row.probed_at >= since && row.probed_at <= now) probes[{row.host, row.program}] = row;
  }
  return probes;
}

absl::StatusOr<std::map<HostProgram, store::ProbeRow>> NewestProbes(const store::Tables& tables, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> authorities, tables.authorities().List());
  std::map<HostProgram, store::ProbeRow> newest;
  for (const store::AuthorityRow& authority : authorities) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::ProbeRow> rows, tables.sightings().ListProbes(authority.id));
    for (const store::ProbeRow& row : rows) {
      if (row.probed_at > now) continue;
      const auto [place, is_new] = newest.try_emplace({row.host, row.program}, row);
      if (!is_new && place->second.probed_at < row.probed_at) place->second = row;
    }
  }
  return newest;
}

absl::StatusOr<Acks> Acks::Read(const store::Tables& tables, absl::string_view authority_id, absl::Time since,
                                absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AckRow> rows, tables.sightings().ListAcks(authority_id));
  Acks acks;
  for (const store::AckRow& row : rows) {
    if (row.acked_at >= since && row.acked_at <= now) acks.acked_at_[row.host] = row.acked_at;
  }
  return acks;
}

bool Acks::After(const std::string& name, absl::Time word) const {
  const auto found = acked_at_.find(name);
  return found != acked_at_.end() && found->second > word;
}

absl::StatusOr<std::set<std::string>> NodesThat(const store::Tables& tables, absl::Time now,
                                                absl::FunctionRef<absl::StatusOr<bool>(const store::NodeRow&)> wanted) {
  std::set<std::string> names;
  store::NodeRow last;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::NodeRow> rows, tables.nodes().List(last.name, last.daemon, kPage));
    for (const store::NodeRow& row : rows) {
      // notAfter itself is still inside (RFC 5280 section 4.1.2.5).
      if (row.serial.empty() || row.not_after < now || names.count(row.name) != 0) continue;
      SIGNET_ASSIGN_OR_RETURN(const bool is_wanted, wanted(row));
      if (!is_wanted) continue;
      SIGNET_ASSIGN_OR_RETURN(const bool blocked, IsBlocked(tables, row.name));
      if (!blocked) names.insert(row.name);
    }
    if (rows.size() < kPage) return names;
    last = rows.back();
  }
}

absl::Time SignsNoMoreSince(const store::AuthorityRow& authority) {
  // It never retired, or was rolled back to since.
  const bool stolen = authority.revoked_at != absl::InfinitePast() && authority.activated_at >= authority.retired_at;
  return stolen ? authority.revoked_at : std::max(authority.retired_at, authority.created_at);
}

absl::StatusOr<bool> IsBlocked(const store::Tables& tables, absl::string_view name) {
  const absl::Status found = tables.blocks().Find(name).status();
  if (found.ok()) return true;
  if (absl::IsNotFound(found)) return false;
  return found;
}

absl::StatusOr<std::vector<store::CertificateRow>> LiveOfService(const store::Tables& tables, absl::string_view service,
                                                                 absl::Time now) {
  std::vector<store::CertificateRow> live;
  store::CertificateQuery query{std::string(service), "", kPage};
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(store::CertificatePage page, tables.certificates().List(query));
    for (store::CertificateRow& row : page.rows) {
      const bool counts = row.profile == store::Profile::kService && row.state != store::CertificateState::kRevoked &&
                          row.not_after >= now;
      if (counts) live.push_back(std::move(row));
    }
    if (page.next_token.empty()) return live;
    query.after_token = page.next_token;
  }
}

}  // namespace signet::authority
