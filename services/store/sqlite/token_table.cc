#include "services/store/sqlite/token_table.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

// In the order of Read().
#define SIGNET_SELECT_TOKENS                                                                          \
  "SELECT id, node, daemon, kind, spki_der, created_at, expires_at, created_by, uses, last_used_at, " \
  "used_by_key_id, revoked, label FROM tokens "
// Kinds 2 and 3 are boot and reusable (evidence::TokenKind); the others admit one key.
#define SIGNET_TOKEN_IS_OPEN_AT(now) "revoked = 0 AND expires_at > " now " AND (kind IN (2, 3) OR uses = 0)"
// After the token made at ?2 with the id ?3, newest first.
#define SIGNET_TOKEN_IS_BEHIND "(created_at < ?2 OR (created_at = ?2 AND id > ?3))"
// Of the label ?7 and the kind ?8, where they are given.
#define SIGNET_TOKEN_MATCHES "(?7 = '' OR label = ?7) AND (?8 = 0 OR kind = ?8)"

namespace signet::store::sqlite {
namespace {

TokenRow Read(Statement& statement) {
  TokenRow row;
  row.id = statement.ReadBytes();
  row.node = statement.ReadBytes();
  row.daemon = statement.ReadBytes();
  row.kind = static_cast<int>(statement.ReadInt());
  row.spki_der = statement.ReadBytes();
  row.created_at = statement.ReadTime();
  row.expires_at = statement.ReadTime();
  row.created_by = statement.ReadBytes();
  row.uses = statement.ReadInt();
  row.last_used_at = statement.ReadTime();
  row.used_by_key_id = statement.ReadBytes();
  row.revoked = statement.ReadInt() != 0;
  row.label = statement.ReadBytes();
  return row;
}

// Where a page begins: behind this token, by node, then newest first.
struct Position {
  std::string node;
  int64_t created_at = 0;
  std::string id;
};

std::string Encode(const TokenRow& row) {
  return absl::StrCat(ToStoredTime(row.created_at), "/", row.id, "/", row.node);
}

absl::Status ForeignPageToken() {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "page token: not one of this list's");
}

absl::StatusOr<Position> Decode(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('/', 2));
  Position position;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &position.created_at)) {
    return ForeignPageToken();
  }
  position.id = std::string(parts[1]);
  position.node = std::string(parts[2]);
  return position;
}

}  // namespace

absl::Status SqliteTokenTable::Insert(const TokenRow& row) {
  Statement statement(connection_,
                      "INSERT INTO tokens (id, node, daemon, kind, spki_der, created_at, expires_at, created_by, uses, "
                      "last_used_at, used_by_key_id, revoked, label) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
  statement.Text(row.id).Text(row.node).Text(row.daemon).Int(row.kind).Blob(row.spki_der).Time(row.created_at);
  statement.Time(row.expires_at).Text(row.created_by).Int(row.uses).Time(row.last_used_at);
  return statement.Text(row.used_by_key_id).Int(row.revoked ? 1 : 0).Text(row.label).Run().status();
}

absl::StatusOr<TokenRow> SqliteTokenTable::Find(absl::string_view id) const {
  Statement statement(connection_, SIGNET_SELECT_TOKENS "WHERE id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(id).Next());
  if (!found) return NoSuch("token");
  return Read(statement);
}

absl::Status SqliteTokenTable::Update(const TokenRow& row) {
  Statement statement(connection_,
                      "UPDATE tokens SET node = ?1, daemon = ?2, kind = ?3, spki_der = ?4, created_at = ?5, "
                      "expires_at = ?6, created_by = ?7, uses = ?8, last_used_at = ?9, used_by_key_id = ?10, "
                      "revoked = ?11, label = ?12 WHERE id = ?13");
  statement.Text(row.node).Text(row.daemon).Int(row.kind).Blob(row.spki_der).Time(row.created_at);
  statement.Time(row.expires_at).Text(row.created_by).Int(row.uses).Time(row.last_used_at).Text(row.used_by_key_id);
  SIGNET_ASSIGN_OR_RETURN(const int64_t changed, statement.Int(row.revoked ? 1 : 0).Text(row.label).Text(row.id).Run());
  return changed == 1 ? absl::OkStatus() : NoSuch("token");
}

absl::StatusOr<TokenPage> SqliteTokenTable::List(const TokenQuery& query) const {
  const int limit = std::max(query.limit, 1);
  // In front of everything: the first page.
  Position after{query.node, ToStoredTime(absl::InfiniteFuture()), ""};
  if (!query.after_token.empty()) {
    SIGNET_ASSIGN_OR_RETURN(after, Decode(query.after_token));
    if (!query.node.empty() && after.node != query.node) return ForeignPageToken();
  }
  Statement statement(
      connection_, query.node.empty() ? SIGNET_SELECT_TOKENS
                       "WHERE node >= ?1 AND (node > ?1 OR " SIGNET_TOKEN_IS_BEHIND
                       ") AND (?4 = 0 OR (" SIGNET_TOKEN_IS_OPEN_AT("?5") ")) AND " SIGNET_TOKEN_MATCHES
                                                                          " ORDER BY node, created_at DESC, id LIMIT ?6"
                                      : SIGNET_SELECT_TOKENS
                       "WHERE node = ?1 AND " SIGNET_TOKEN_IS_BEHIND
                       " AND (?4 = 0 OR (" SIGNET_TOKEN_IS_OPEN_AT("?5") ")) AND " SIGNET_TOKEN_MATCHES
                                                                         " ORDER BY created_at DESC, id LIMIT ?6");
  statement.Text(after.node).Int(after.created_at).Text(after.id).Int(query.open_only ? 1 : 0).Time(query.now);
  // One row more than asked for tells whether there is another page.
  statement.Int(static_cast<int64_t>(limit) + 1).Text(query.label).Int(query.kind);
  TokenPage page;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return page;
    if (static_cast<int>(page.rows.size()) == limit) break;
    page.rows.push_back(Read(statement));
  }
  page.next_token = Encode(page.rows.back());
  return page;
}

absl::StatusOr<int64_t> SqliteTokenTable::CountOpen(absl::Time now) const {
  Statement statement(connection_, "SELECT count(*) FROM tokens WHERE " SIGNET_TOKEN_IS_OPEN_AT("?1"));
  SIGNET_RETURN_IF_ERROR(statement.Time(now).Next().status());
  return statement.ReadInt();
}

absl::StatusOr<std::vector<TokenTally>> SqliteTokenTable::CountStates(absl::Time now,
                                                                      absl::Time expiring_before) const {
  Statement statement(connection_,
                      "SELECT kind, CASE WHEN revoked <> 0 THEN 5 WHEN kind NOT IN (2, 3) AND uses <> 0 THEN 3 "
                      "WHEN expires_at <= ?1 THEN 4 WHEN expires_at < ?2 THEN 2 ELSE 1 END AS state, count(*) "
                      "FROM tokens GROUP BY kind, state");
  statement.Time(now).Time(expiring_before);
  std::vector<TokenTally> tallies;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return tallies;
    TokenTally tally;
    tally.kind = static_cast<int>(statement.ReadInt());
    tally.state = static_cast<TokenState>(statement.ReadInt());
    tally.count = statement.ReadInt();
    tallies.push_back(tally);
  }
}

absl::StatusOr<int64_t> SqliteTokenTable::RevokeOfNode(absl::string_view node, absl::Time now) {
  Statement statement(connection_, "UPDATE tokens SET revoked = 1 WHERE node = ?2 AND " SIGNET_TOKEN_IS_OPEN_AT("?1"));
  return statement.Time(now).Text(node).Run();
}

absl::StatusOr<int64_t> SqliteTokenTable::RevokeOfLabel(absl::string_view label, absl::Time now) {
  Statement statement(connection_,
                      "UPDATE tokens SET revoked = 1 WHERE label = ?2 AND label <> '' "
                      "AND " SIGNET_TOKEN_IS_OPEN_AT("?1"));
  return statement.Time(now).Text(label).Run();
}

}  // namespace signet::store::sqlite
