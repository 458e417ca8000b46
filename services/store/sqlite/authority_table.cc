#include "services/store/sqlite/authority_table.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::StatusOr<std::vector<AuthorityRow>> SqliteAuthorityTable::List() const {
  Statement statement(connection_,
                      "SELECT id, purpose, state, certificate_der, custody, handle, spki_der, generation, created_at, "
                      "activated_at, retired_at, revoked_at, stolen_at, intermediates_pem, anchor_der "
                      "FROM authorities ORDER BY created_at, position");
  std::vector<AuthorityRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    AuthorityRow& row = rows.emplace_back();
    row.id = statement.ReadBytes();
    row.purpose = static_cast<Purpose>(statement.ReadInt());
    row.state = static_cast<AuthorityState>(statement.ReadInt());
    row.certificate_der = statement.ReadBytes();
    row.custody = statement.ReadBytes();
    row.handle = statement.ReadBytes();
    row.spki_der = statement.ReadBytes();
    row.generation = statement.ReadUint();
    row.created_at = statement.ReadTime();
    row.activated_at = statement.ReadTime();
    row.retired_at = statement.ReadTime();
    row.revoked_at = statement.ReadTime();
    row.stolen_at = statement.ReadTime();
    row.intermediates_pem = statement.ReadBytes();
    row.anchor_der = statement.ReadBytes();
  }
}

absl::Status SqliteAuthorityTable::Insert(const AuthorityRow& row) {
  Statement statement(connection_,
                      "INSERT INTO authorities (id, purpose, state, certificate_der, custody, handle, spki_der, "
                      "generation, created_at, activated_at, retired_at, revoked_at, stolen_at, intermediates_pem, "
                      "anchor_der) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
  statement.Text(row.id).Int(static_cast<int>(row.purpose)).Int(static_cast<int>(row.state));
  statement.Blob(row.certificate_der).Text(row.custody).Blob(row.handle).Blob(row.spki_der);
  statement.Uint(row.generation).Time(row.created_at).Time(row.activated_at).Time(row.retired_at);
  statement.Time(row.revoked_at).Time(row.stolen_at).Text(row.intermediates_pem).Blob(row.anchor_der);
  return statement.Run().status();
}

absl::Status SqliteAuthorityTable::Update(const AuthorityRow& row) {
  Statement statement(connection_,
                      "UPDATE authorities SET purpose = ?1, state = ?2, certificate_der = ?3, custody = ?4, "
                      "handle = ?5, spki_der = ?6, created_at = ?7, activated_at = ?8, retired_at = ?9, "
                      "revoked_at = ?10, stolen_at = ?11, intermediates_pem = ?12, anchor_der = ?13, "
                      "generation = generation + 1 WHERE id = ?14 AND generation = ?15");
  statement.Int(static_cast<int>(row.purpose)).Int(static_cast<int>(row.state)).Blob(row.certificate_der);
  statement.Text(row.custody).Blob(row.handle).Blob(row.spki_der).Time(row.created_at).Time(row.activated_at);
  statement.Time(row.retired_at).Time(row.revoked_at).Time(row.stolen_at);
  statement.Text(row.intermediates_pem).Blob(row.anchor_der);
  SIGNET_ASSIGN_OR_RETURN(const int64_t changed, statement.Text(row.id).Uint(row.generation).Run());
  if (changed == 1) return absl::OkStatus();
  Statement exists(connection_, "SELECT 1 FROM authorities WHERE id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, exists.Text(row.id).Next());
  if (!found) return NoSuch("authority");
  return base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable,
                       absl::StrCat("authority ", row.id, " was changed by someone else in the meantime"), "try again");
}

absl::StatusOr<KeyRow> SqliteAuthorityTable::FindKey(absl::string_view purpose) const {
  Statement statement(connection_,
                      "SELECT purpose, custody, handle, spki_der, created_at FROM keys WHERE purpose = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(purpose).Next());
  if (!found) return NoSuch("key");
  KeyRow row;
  row.purpose = statement.ReadBytes();
  row.custody = statement.ReadBytes();
  row.handle = statement.ReadBytes();
  row.spki_der = statement.ReadBytes();
  row.created_at = statement.ReadTime();
  return row;
}

absl::Status SqliteAuthorityTable::InsertKey(const KeyRow& row) {
  Statement statement(connection_,
                      "INSERT INTO keys (purpose, custody, handle, spki_der, created_at) VALUES (?1, ?2, ?3, ?4, ?5)");
  statement.Text(row.purpose).Text(row.custody).Blob(row.handle).Blob(row.spki_der).Time(row.created_at);
  return statement.Run().status();
}

absl::StatusOr<std::vector<AuthorityRequestRow>> SqliteAuthorityTable::ListRequests() const {
  Statement statement(connection_,
                      "SELECT id, subject_der, csr_pem, custody, handle, spki_der, created_by, created_at, "
                      "withdrawn_at FROM authority_requests ORDER BY created_at, position");
  std::vector<AuthorityRequestRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    AuthorityRequestRow& row = rows.emplace_back();
    row.id = statement.ReadBytes();
    row.subject_der = statement.ReadBytes();
    row.csr_pem = statement.ReadBytes();
    row.custody = statement.ReadBytes();
    row.handle = statement.ReadBytes();
    row.spki_der = statement.ReadBytes();
    row.created_by = statement.ReadBytes();
    row.created_at = statement.ReadTime();
    row.withdrawn_at = statement.ReadTime();
  }
}

absl::Status SqliteAuthorityTable::InsertRequest(const AuthorityRequestRow& row) {
  Statement statement(connection_,
                      "INSERT INTO authority_requests (id, subject_der, csr_pem, custody, handle, spki_der, "
                      "created_by, created_at, withdrawn_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  statement.Text(row.id).Blob(row.subject_der).Text(row.csr_pem).Text(row.custody).Blob(row.handle);
  statement.Blob(row.spki_der).Text(row.created_by).Time(row.created_at);
  return statement.Time(row.withdrawn_at).Run().status();
}

absl::StatusOr<bool> SqliteAuthorityTable::WithdrawRequest(absl::string_view id, absl::Time when) {
  Statement statement(connection_,
                      "UPDATE authority_requests SET handle = x'', withdrawn_at = ?1 WHERE id = ?2 AND "
                      "withdrawn_at = ?3");
  SIGNET_ASSIGN_OR_RETURN(const int64_t changed, statement.Time(when).Text(id).Time(absl::InfinitePast()).Run());
  return changed > 0;
}

absl::StatusOr<bool> SqliteAuthorityTable::DeleteRequest(absl::string_view id) {
  Statement statement(connection_, "DELETE FROM authority_requests WHERE id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const int64_t deleted, statement.Text(id).Run());
  return deleted > 0;
}

absl::StatusOr<std::vector<CrossRow>> SqliteAuthorityTable::ListCrosses() const {
  Statement statement(connection_,
                      "SELECT serial, issuer_id, subject_id, certificate_der, not_after, created_at FROM crosses "
                      "ORDER BY created_at, position");
  std::vector<CrossRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    CrossRow& row = rows.emplace_back();
    row.serial = statement.ReadBytes();
    row.issuer_id = statement.ReadBytes();
    row.subject_id = statement.ReadBytes();
    row.certificate_der = statement.ReadBytes();
    row.not_after = statement.ReadTime();
    row.created_at = statement.ReadTime();
  }
}

absl::Status SqliteAuthorityTable::InsertCross(const CrossRow& row) {
  Statement statement(connection_,
                      "INSERT INTO crosses (serial, issuer_id, subject_id, certificate_der, not_after, created_at) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  statement.Text(row.serial).Text(row.issuer_id).Text(row.subject_id).Blob(row.certificate_der);
  return statement.Time(row.not_after).Time(row.created_at).Run().status();
}

absl::StatusOr<RevocationListRow> SqliteAuthorityTable::FindRevocationList(absl::string_view authority_id) const {
  Statement statement(connection_,
                      "SELECT authority_id, number, der, entries, revocations, this_update, next_update "
                      "FROM revocation_lists WHERE authority_id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(authority_id).Next());
  if (!found) return NoSuch("revocation list");
  RevocationListRow row;
  row.authority_id = statement.ReadBytes();
  row.number = statement.ReadUint();
  row.der = statement.ReadBytes();
  row.entries = statement.ReadInt();
  row.revocations = statement.ReadInt();
  row.this_update = statement.ReadTime();
  row.next_update = statement.ReadTime();
  return row;
}

absl::Status SqliteAuthorityTable::PutRevocationList(const RevocationListRow& row) {
  Statement statement(connection_,
                      "INSERT OR REPLACE INTO revocation_lists (authority_id, number, der, entries, revocations, "
                      "this_update, next_update) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  statement.Text(row.authority_id).Uint(row.number).Blob(row.der).Int(row.entries).Int(row.revocations);
  return statement.Time(row.this_update).Time(row.next_update).Run().status();
}

}  // namespace signet::store::sqlite
