#include "services/store/sqlite/node_table.h"

#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

// In the order of Read() and Put().
#define SIGNET_NODE_COLUMNS                                                                                  \
  "name, daemon, key_id, seq, boot_id, machine_id_sha256, serial, not_after, disk_generation, disk_sha256, " \
  "loaded_generation, loaded_sha256, adapter_version, enrolled_at, last_request_at, previous_boot_id, "      \
  "clone_suspected_at"
// In the order of ReadIdentity() and InsertIdentity().
#define SIGNET_IDENTITY_COLUMNS \
  "key_id, node, daemon, spki_der, evidence, token_id, pod_uid, admitted_at, superseded_at, ended_by"

namespace signet::store::sqlite {
namespace {

NodeRow Read(Statement& statement) {
  NodeRow row;
  row.name = statement.ReadBytes();
  row.daemon = statement.ReadBytes();
  row.key_id = statement.ReadBytes();
  row.seq = statement.ReadUint();
  row.boot_id = statement.ReadBytes();
  row.machine_id_sha256 = statement.ReadBytes();
  row.serial = statement.ReadBytes();
  row.not_after = statement.ReadTime();
  row.disk_generation = statement.ReadUint();
  row.disk_sha256 = statement.ReadBytes();
  row.loaded_generation = statement.ReadUint();
  row.loaded_sha256 = statement.ReadBytes();
  row.adapter_version = statement.ReadBytes();
  row.enrolled_at = statement.ReadTime();
  row.last_request_at = statement.ReadTime();
  row.previous_boot_id = statement.ReadBytes();
  row.clone_suspected_at = statement.ReadTime();
  return row;
}

IdentityRow ReadIdentity(Statement& statement) {
  IdentityRow row;
  row.key_id = statement.ReadBytes();
  row.node = statement.ReadBytes();
  row.daemon = statement.ReadBytes();
  row.spki_der = statement.ReadBytes();
  row.evidence = static_cast<int>(statement.ReadInt());
  row.token_id = statement.ReadBytes();
  row.pod_uid = statement.ReadBytes();
  row.admitted_at = statement.ReadTime();
  row.superseded_at = statement.ReadTime();
  row.ended_by = static_cast<EndedBy>(statement.ReadInt());
  return row;
}

}  // namespace

absl::StatusOr<NodeRow> SqliteNodeTable::Find(absl::string_view name, absl::string_view daemon) const {
  Statement statement(connection_, "SELECT " SIGNET_NODE_COLUMNS " FROM nodes WHERE name = ?1 AND daemon = ?2");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(name).Text(daemon).Next());
  if (!found) return NoSuch("node");
  return Read(statement);
}

absl::Status SqliteNodeTable::Put(const NodeRow& row) {
  Statement statement(connection_, "INSERT OR REPLACE INTO nodes (" SIGNET_NODE_COLUMNS
                                   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
                                   "?17)");
  statement.Text(row.name).Text(row.daemon).Text(row.key_id).Uint(row.seq).Text(row.boot_id);
  statement.Blob(row.machine_id_sha256).Text(row.serial).Time(row.not_after);
  statement.Uint(row.disk_generation).Blob(row.disk_sha256).Uint(row.loaded_generation).Blob(row.loaded_sha256);
  statement.Text(row.adapter_version).Time(row.enrolled_at).Time(row.last_request_at).Text(row.previous_boot_id);
  return statement.Time(row.clone_suspected_at).Run().status();
}

absl::StatusOr<std::vector<NodeRow>> SqliteNodeTable::List(absl::string_view after_name, absl::string_view after_daemon,
                                                           int limit) const {
  Statement statement(connection_, "SELECT " SIGNET_NODE_COLUMNS
                                   " FROM nodes WHERE (name, daemon) > (?1, ?2) ORDER BY name, daemon LIMIT ?3");
  statement.Text(after_name).Text(after_daemon).Int(limit);
  std::vector<NodeRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    rows.push_back(Read(statement));
  }
}

absl::StatusOr<NodeCounts> SqliteNodeTable::Count(absl::Time now) const {
  NodeCounts counts;
  {
    // notAfter itself is still inside (RFC 5280 section 4.1.2.5). A row of a node that was blocked after it enrolled
    // stays, and has no live key.
    Statement statement(connection_,
                        "SELECT count(*), count(*) FILTER (WHERE not_after >= ?1) FROM nodes "
                        "WHERE name NOT IN (SELECT node FROM blocks)");
    SIGNET_RETURN_IF_ERROR(statement.Time(now).Next().status());
    counts.enrolled = statement.ReadInt();
    counts.certified = statement.ReadInt();
  }
  Statement statement(connection_,
                      "SELECT name, not_after FROM nodes WHERE not_after >= ?1 "
                      "AND name NOT IN (SELECT node FROM blocks) ORDER BY not_after, name LIMIT 1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Time(now).Next());
  if (found) {
    counts.first_lost = statement.ReadBytes();
    counts.first_lost_at = statement.ReadTime();
  }
  return counts;
}

// Of the node's row; the plus keeps SQLite from the index over not_after, which leads to the rows one by one.
#define SIGNET_NODE_IS_CERTIFIED "+not_after >= ?1 AND name NOT IN (SELECT node FROM blocks)"

absl::StatusOr<NodeTallies> SqliteNodeTable::CountKinds(absl::Time now, uint64_t generation, int versions) const {
  NodeTallies tallies;
  Statement evidence(connection_,
                     "SELECT evidence, count(*) FROM nodes CROSS JOIN identities USING (key_id) "
                     "WHERE " SIGNET_NODE_IS_CERTIFIED " GROUP BY evidence");
  evidence.Time(now);
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, evidence.Next());
    if (!found) break;
    const int kind = static_cast<int>(evidence.ReadInt());
    tallies.by_evidence.push_back({kind, evidence.ReadInt()});
  }
  // A generation is stored as the int64 with the same bits: what is negative there is ahead of every sane one.
  Statement bundle(connection_,
                   "SELECT CASE WHEN loaded_generation = 0 THEN 4 WHEN loaded_generation = ?2 THEN 1 "
                   "WHEN loaded_generation BETWEEN 1 AND ?2 THEN 2 ELSE 3 END AS loaded, count(*) "
                   "FROM nodes WHERE " SIGNET_NODE_IS_CERTIFIED " GROUP BY loaded");
  bundle.Time(now).Uint(generation);
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, bundle.Next());
    if (!found) break;
    const auto loaded = static_cast<LoadedBundle>(bundle.ReadInt());
    tallies.by_bundle.push_back({loaded, bundle.ReadInt()});
  }
  Statement adapter(connection_,
                    "SELECT adapter_version, count(*) AS daemons FROM nodes WHERE " SIGNET_NODE_IS_CERTIFIED
                    " GROUP BY adapter_version ORDER BY daemons DESC, adapter_version LIMIT ?2");
  adapter.Time(now).Int(versions);
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, adapter.Next());
    if (!found) break;
    std::string version = adapter.ReadBytes();
    tallies.by_adapter.push_back({std::move(version), adapter.ReadInt()});
  }
  return tallies;
}

absl::StatusOr<uint64_t> SqliteNodeTable::HighestGeneration() const {
  // Stored as the int64 with the same bits: what is negative there is the higher.
  Statement statement(connection_,
                      "SELECT generation FROM (SELECT disk_generation AS generation FROM nodes UNION ALL "
                      "SELECT loaded_generation FROM nodes) ORDER BY generation < 0 DESC, generation DESC LIMIT 1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
  return found ? statement.ReadUint() : 0;
}

absl::StatusOr<IdentityRow> SqliteNodeTable::FindIdentity(absl::string_view key_id) const {
  Statement statement(connection_, "SELECT " SIGNET_IDENTITY_COLUMNS " FROM identities WHERE key_id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(key_id).Next());
  if (!found) return NoSuch("identity key");
  return ReadIdentity(statement);
}

absl::StatusOr<IdentityRow> SqliteNodeTable::FindIdentityOfPod(absl::string_view pod_uid) const {
  Statement statement(connection_, "SELECT " SIGNET_IDENTITY_COLUMNS
                                   " FROM identities WHERE pod_uid = ?1 AND pod_uid <> '' "
                                   "ORDER BY admitted_at DESC LIMIT 1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(pod_uid).Next());
  if (!found) return NoSuch("identity key of this pod");
  return ReadIdentity(statement);
}

absl::StatusOr<std::vector<IdentityRow>> SqliteNodeTable::ListIdentitiesOfToken(absl::string_view token_id,
                                                                                int limit) const {
  Statement statement(connection_, "SELECT " SIGNET_IDENTITY_COLUMNS
                                   " FROM identities WHERE token_id = ?1 AND token_id <> '' "
                                   "ORDER BY admitted_at LIMIT ?2");
  statement.Text(token_id).Int(limit);
  std::vector<IdentityRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    rows.push_back(ReadIdentity(statement));
  }
}

absl::Status SqliteNodeTable::InsertIdentity(const IdentityRow& row) {
  Statement statement(connection_, "INSERT INTO identities (" SIGNET_IDENTITY_COLUMNS
                                   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  statement.Text(row.key_id).Text(row.node).Text(row.daemon).Blob(row.spki_der).Int(row.evidence).Text(row.token_id);
  statement.Text(row.pod_uid).Time(row.admitted_at).Time(row.superseded_at);
  return statement.Int(static_cast<int64_t>(row.ended_by)).Run().status();
}

absl::StatusOr<int64_t> SqliteNodeTable::EndIdentities(absl::string_view node, absl::string_view daemon,
                                                       absl::Time when, EndedBy by) {
  // The literal is InfiniteFuture, as in the index of the live ones.
  Statement statement(connection_,
                      "UPDATE identities SET superseded_at = ?3, ended_by = ?4 "
                      "WHERE node = ?1 AND (?2 = '' OR daemon = ?2) AND superseded_at = 9223372036854775807");
  return statement.Text(node).Text(daemon).Time(when).Int(static_cast<int64_t>(by)).Run();
}

absl::StatusOr<int64_t> SqliteNodeTable::Forget(absl::string_view name) {
  Statement statement(connection_, "DELETE FROM nodes WHERE name = ?1");
  return statement.Text(name).Run();
}

absl::StatusOr<int64_t> SqliteNodeTable::CountIdentities(absl::string_view node, absl::string_view daemon,
                                                         absl::Time since) const {
  Statement statement(connection_,
                      "SELECT count(*) FROM identities WHERE node = ?1 AND daemon = ?2 AND admitted_at >= ?3");
  SIGNET_RETURN_IF_ERROR(statement.Text(node).Text(daemon).Time(since).Next().status());
  return statement.ReadInt();
}

}  // namespace signet::store::sqlite
