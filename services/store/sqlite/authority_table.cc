#include "services/store/sqlite/authority_table.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

namespace signet::store::sqlite {

absl::StatusOr<std::vector<AuthorityRow>> SqliteAuthorityTable::List() const {
  Statement statement(connection_,
                      "SELECT id, purpose, state, certificate_der, custody, handle, spki_der, generation, created_at "
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
  }
}

absl::Status SqliteAuthorityTable::Insert(const AuthorityRow& row) {
  Statement statement(connection_,
                      "INSERT INTO authorities (id, purpose, state, certificate_der, custody, handle, spki_der, "
                      "generation, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  statement.Text(row.id).Int(static_cast<int>(row.purpose)).Int(static_cast<int>(row.state));
  statement.Blob(row.certificate_der).Text(row.custody).Blob(row.handle).Blob(row.spki_der);
  return statement.Uint(row.generation).Time(row.created_at).Run().status();
}

absl::Status SqliteAuthorityTable::Update(const AuthorityRow& row) {
  Statement statement(connection_,
                      "UPDATE authorities SET purpose = ?1, state = ?2, certificate_der = ?3, custody = ?4, "
                      "handle = ?5, spki_der = ?6, created_at = ?7, generation = generation + 1 "
                      "WHERE id = ?8 AND generation = ?9");
  statement.Int(static_cast<int>(row.purpose)).Int(static_cast<int>(row.state)).Blob(row.certificate_der);
  statement.Text(row.custody).Blob(row.handle).Blob(row.spki_der).Time(row.created_at);
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

}  // namespace signet::store::sqlite
