#include "services/store/sqlite/sighting_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

// In the order of ListReports() and PutReport().
#define SIGNET_REPORT_COLUMNS                                                                                       \
  "host, program, disk_generation, disk_sha256, loaded_generation, loaded_sha256, served_serial, adapter_version, " \
  "reported_by, reported_at"

namespace signet::store::sqlite {

absl::StatusOr<std::vector<AckRow>> SqliteSightingTable::ListAcks(absl::string_view authority_id) const {
  Statement statement(connection_,
                      "SELECT authority_id, host, reason, acked_by, acked_at FROM acks WHERE authority_id = ?1 "
                      "ORDER BY host");
  statement.Text(authority_id);
  std::vector<AckRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    AckRow& row = rows.emplace_back();
    row.authority_id = statement.ReadBytes();
    row.host = statement.ReadBytes();
    row.reason = statement.ReadBytes();
    row.acked_by = statement.ReadBytes();
    row.acked_at = statement.ReadTime();
  }
}

absl::StatusOr<bool> SqliteSightingTable::InsertAck(const AckRow& row) {
  Statement replace(connection_,
                    "UPDATE acks SET reason = ?3, acked_by = ?4, acked_at = ?5 WHERE authority_id = ?1 AND host = ?2");
  replace.Text(row.authority_id).Text(row.host).Text(row.reason).Text(row.acked_by).Time(row.acked_at);
  SIGNET_ASSIGN_OR_RETURN(const int64_t replaced, replace.Run());
  if (replaced > 0) return false;
  Statement insert(connection_,
                   "INSERT INTO acks (authority_id, host, reason, acked_by, acked_at) VALUES (?1, ?2, ?3, ?4, ?5)");
  insert.Text(row.authority_id).Text(row.host).Text(row.reason).Text(row.acked_by).Time(row.acked_at);
  SIGNET_RETURN_IF_ERROR(insert.Run().status());
  return true;
}

absl::StatusOr<std::vector<ReportRow>> SqliteSightingTable::ListReports() const {
  Statement statement(connection_, "SELECT " SIGNET_REPORT_COLUMNS " FROM reports ORDER BY host, program");
  std::vector<ReportRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    ReportRow& row = rows.emplace_back();
    row.host = statement.ReadBytes();
    row.program = statement.ReadBytes();
    row.disk_generation = statement.ReadUint();
    row.disk_sha256 = statement.ReadBytes();
    row.loaded_generation = statement.ReadUint();
    row.loaded_sha256 = statement.ReadBytes();
    row.served_serial = statement.ReadBytes();
    row.adapter_version = statement.ReadBytes();
    row.reported_by = statement.ReadBytes();
    row.reported_at = statement.ReadTime();
  }
}

absl::Status SqliteSightingTable::PutReport(const ReportRow& row) {
  Statement statement(connection_, "INSERT OR REPLACE INTO reports (" SIGNET_REPORT_COLUMNS
                                   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  statement.Text(row.host).Text(row.program).Uint(row.disk_generation).Blob(row.disk_sha256);
  statement.Uint(row.loaded_generation).Blob(row.loaded_sha256).Text(row.served_serial).Text(row.adapter_version);
  return statement.Text(row.reported_by).Time(row.reported_at).Run().status();
}

absl::StatusOr<int64_t> SqliteSightingTable::DeleteReports(absl::string_view host) {
  Statement statement(connection_, "DELETE FROM reports WHERE host = ?1");
  return statement.Text(host).Run();
}

absl::StatusOr<std::vector<ProbeRow>> SqliteSightingTable::ListProbes(absl::string_view authority_id) const {
  Statement statement(connection_,
                      "SELECT authority_id, host, program, trusted, served_serial, probed_at FROM probes "
                      "WHERE authority_id = ?1 ORDER BY host, program");
  statement.Text(authority_id);
  std::vector<ProbeRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    ProbeRow& row = rows.emplace_back();
    row.authority_id = statement.ReadBytes();
    row.host = statement.ReadBytes();
    row.program = statement.ReadBytes();
    row.trusted = statement.ReadInt() != 0;
    row.served_serial = statement.ReadBytes();
    row.probed_at = statement.ReadTime();
  }
}

absl::Status SqliteSightingTable::PutProbe(const ProbeRow& row) {
  Statement statement(connection_,
                      "INSERT OR REPLACE INTO probes (authority_id, host, program, trusted, served_serial, probed_at) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  statement.Text(row.authority_id).Text(row.host).Text(row.program).Int(row.trusted ? 1 : 0);
  return statement.Text(row.served_serial).Time(row.probed_at).Run().status();
}

absl::Status SqliteSightingTable::DeleteProbes(absl::string_view host, absl::string_view program) {
  // The key begins with the authority: there are few of those, and one row of each host for one.
  Statement statement(connection_,
                      "DELETE FROM probes WHERE authority_id IN (SELECT id FROM authorities) AND host = ?1 "
                      "AND program = ?2");
  return statement.Text(host).Text(program).Run().status();
}

}  // namespace signet::store::sqlite
