#include "services/store/sqlite/certificate_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/statement.h"

// In the order of Read().
#define SIGNET_SELECT_CERTIFICATES                                                                        \
  "SELECT serial, authority_id, profile, subject, daemon, state, tbs_der, tbs_sha256, der, spki_sha256, " \
  "identity_key_id, seq, not_before, not_after, recorded_at, revoked_at, revocation_reason, id FROM certificates "
// The same without the two long columns.
#define SIGNET_SELECT_CERTIFICATES_BRIEFLY                                                                    \
  "SELECT serial, authority_id, profile, subject, daemon, state, x'' AS tbs_der, tbs_sha256, x'' AS der, "    \
  "spki_sha256, identity_key_id, seq, not_before, not_after, recorded_at, revoked_at, revocation_reason, id " \
  "FROM certificates "
// The literals let the partial indices be used. notAfter itself is still inside (RFC 5280 section 4.1.2.5).
#define SIGNET_CERTIFICATE_IS_LIVE "state <> 3 AND not_after >= ?2"
#define SIGNET_CERTIFICATE_IS_REVOKED "state = 3 AND not_after >= ?2"

namespace signet::store::sqlite {
namespace {

CertificateRow Read(Statement& statement) {
  CertificateRow row;
  row.serial = statement.ReadBytes();
  row.authority_id = statement.ReadBytes();
  row.profile = static_cast<Profile>(statement.ReadInt());
  row.subject = statement.ReadBytes();
  row.daemon = statement.ReadBytes();
  row.state = static_cast<CertificateState>(statement.ReadInt());
  row.tbs_der = statement.ReadBytes();
  row.tbs_sha256 = statement.ReadBytes();
  row.der = statement.ReadBytes();
  row.spki_sha256 = statement.ReadBytes();
  row.identity_key_id = statement.ReadBytes();
  row.seq = statement.ReadUint();
  row.not_before = statement.ReadTime();
  row.not_after = statement.ReadTime();
  row.recorded_at = statement.ReadTime();
  row.revoked_at = statement.ReadTime();
  row.revocation_reason = static_cast<RevocationReason>(statement.ReadInt());
  return row;
}

absl::StatusOr<CertificateRow> One(Statement& statement) {
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
  if (!found) return NoSuch("certificate");
  return Read(statement);
}

absl::StatusOr<std::vector<CertificateRow>> All(Statement& statement) {
  std::vector<CertificateRow> rows;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return rows;
    rows.push_back(Read(statement));
  }
}

}  // namespace

static_assert(static_cast<int>(CertificateState::kRevoked) == 3 && static_cast<int>(Profile::kNode) == 1 &&
              static_cast<int>(Profile::kService) == 2 && static_cast<int>(Profile::kControl) == 3);

absl::Status SqliteCertificateTable::Insert(const CertificateRow& row) {
  Statement statement(
      connection_,
      "INSERT INTO certificates (serial, authority_id, profile, subject, daemon, state, spki_sha256, identity_key_id, "
      "seq, not_before, not_after, recorded_at, tbs_sha256, tbs_der, der, revoked_at, revocation_reason) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");
  statement.Text(row.serial).Text(row.authority_id).Int(static_cast<int>(row.profile)).Text(row.subject);
  statement.Text(row.daemon).Int(static_cast<int>(row.state)).Blob(row.spki_sha256).Text(row.identity_key_id);
  statement.Uint(row.seq).Time(row.not_before).Time(row.not_after).Time(row.recorded_at);
  statement.Blob(row.tbs_sha256).Blob(row.tbs_der).Blob(row.der).Time(row.revoked_at);
  return statement.Int(static_cast<int>(row.revocation_reason)).Run().status();
}

absl::Status SqliteCertificateTable::SetIssued(absl::string_view serial, absl::string_view der) {
  Statement statement(connection_, "UPDATE certificates SET state = ?1, der = ?2 WHERE serial = ?3 AND state = ?4");
  statement.Int(static_cast<int>(CertificateState::kIssued)).Blob(der).Text(serial);
  SIGNET_ASSIGN_OR_RETURN(const int64_t changed, statement.Int(static_cast<int>(CertificateState::kRecorded)).Run());
  if (changed == 1) return absl::OkStatus();
  Statement exists(connection_, "SELECT 1 FROM certificates WHERE serial = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, exists.Text(serial).Next());
  return found ? absl::OkStatus() : NoSuch("certificate");
}

absl::StatusOr<CertificateRow> SqliteCertificateTable::Find(absl::string_view serial) const {
  Statement statement(connection_, SIGNET_SELECT_CERTIFICATES "WHERE serial = ?1");
  return One(statement.Text(serial));
}

absl::StatusOr<CertificateRow> SqliteCertificateTable::FindAnswer(absl::string_view identity_key_id, uint64_t seq,
                                                                  absl::string_view spki_sha256) const {
  // The literal comparison lets the partial index be used.
  Statement statement(connection_, SIGNET_SELECT_CERTIFICATES
                      "WHERE identity_key_id = ?1 AND identity_key_id <> '' AND seq = ?2 AND spki_sha256 = ?3 "
                      "ORDER BY id DESC LIMIT 1");
  return One(statement.Text(identity_key_id).Uint(seq).Blob(spki_sha256));
}

absl::StatusOr<CertificateRow> SqliteCertificateTable::FindBySpki(absl::string_view spki_sha256) const {
  Statement statement(connection_, SIGNET_SELECT_CERTIFICATES "WHERE spki_sha256 = ?1 ORDER BY id DESC LIMIT 1");
  return One(statement.Blob(spki_sha256));
}

absl::StatusOr<CertificatePage> SqliteCertificateTable::List(const CertificateQuery& query) const {
  const int limit = std::max(query.limit, 1);
  int64_t before = std::numeric_limits<int64_t>::max();
  if (!query.after_token.empty() && !absl::SimpleAtoi(query.after_token, &before)) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "page token: not one of this list's");
  }
  Statement statement(connection_, query.subject.empty() ? SIGNET_SELECT_CERTIFICATES
                                       "WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
                                                         : SIGNET_SELECT_CERTIFICATES
                                       "WHERE id < ?1 AND subject = ?3 ORDER BY id DESC LIMIT ?2");
  // One row more than asked for tells whether there is another page.
  statement.Int(before).Int(static_cast<int64_t>(limit) + 1);
  if (!query.subject.empty()) statement.Text(query.subject);
  CertificatePage page;
  int64_t last = before;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Next());
    if (!found) return page;
    if (static_cast<int>(page.rows.size()) == limit) break;
    page.rows.push_back(Read(statement));
    last = statement.ReadInt();
  }
  page.next_token = absl::StrCat(last);
  return page;
}

absl::StatusOr<CertificateRow> SqliteCertificateTable::Newest(Profile profile, absl::string_view subject) const {
  Statement statement(connection_,
                      SIGNET_SELECT_CERTIFICATES "WHERE subject = ?1 AND profile = ?2 ORDER BY id DESC LIMIT 1");
  return One(statement.Text(subject).Int(static_cast<int>(profile)));
}

absl::StatusOr<std::vector<CertificateRow>> SqliteCertificateTable::ListLive(absl::string_view authority_id,
                                                                             absl::Time now,
                                                                             absl::string_view after_serial,
                                                                             int limit) const {
  Statement statement(connection_, SIGNET_SELECT_CERTIFICATES_BRIEFLY
                      "INDEXED BY certificates_live_by_serial WHERE authority_id = ?1 AND " SIGNET_CERTIFICATE_IS_LIVE
                      " AND serial > ?3 ORDER BY serial LIMIT ?4");
  return All(statement.Text(authority_id).Time(now).Text(after_serial).Int(std::max(limit, 0)));
}

absl::StatusOr<int64_t> SqliteCertificateTable::CountLive(absl::string_view authority_id, absl::Time now) const {
  Statement statement(connection_,
                      "SELECT count(*) FROM certificates INDEXED BY certificates_live_by_end "
                      "WHERE authority_id = ?1 AND " SIGNET_CERTIFICATE_IS_LIVE);
  SIGNET_RETURN_IF_ERROR(statement.Text(authority_id).Time(now).Next().status());
  return statement.ReadInt();
}

absl::StatusOr<bool> SqliteCertificateTable::Revoke(absl::string_view serial, absl::Time when,
                                                    RevocationReason reason) {
  Statement statement(connection_,
                      "UPDATE certificates SET state = 3, revoked_at = ?2, revocation_reason = ?3 "
                      "WHERE serial = ?1 AND state <> 3");
  statement.Text(serial).Time(when).Int(static_cast<int>(reason));
  SIGNET_ASSIGN_OR_RETURN(const int64_t changed, statement.Run());
  if (changed == 1) return true;
  Statement exists(connection_, "SELECT 1 FROM certificates WHERE serial = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, exists.Text(serial).Next());
  if (!found) return NoSuch("certificate");
  return false;
}

absl::StatusOr<int64_t> SqliteCertificateTable::RevokeOfAuthority(absl::string_view authority_id, absl::Time now,
                                                                  RevocationReason reason) {
  Statement statement(connection_,
                      "UPDATE certificates INDEXED BY certificates_live_by_end "
                      "SET state = 3, revoked_at = ?2, revocation_reason = ?3 "
                      "WHERE authority_id = ?1 AND " SIGNET_CERTIFICATE_IS_LIVE);
  return statement.Text(authority_id).Time(now).Int(static_cast<int>(reason)).Run();
}

absl::StatusOr<int64_t> SqliteCertificateTable::RevokeOfSubject(absl::string_view subject, absl::Time now,
                                                                RevocationReason reason) {
  // Profiles 1 and 2 are node and service: a name of the control authority is another name space.
  Statement statement(connection_,
                      "UPDATE certificates INDEXED BY certificates_by_subject "
                      "SET state = 3, revoked_at = ?2, revocation_reason = ?3 "
                      "WHERE subject = ?1 AND profile IN (1, 2) AND " SIGNET_CERTIFICATE_IS_LIVE);
  return statement.Text(subject).Time(now).Int(static_cast<int>(reason)).Run();
}

absl::StatusOr<int64_t> SqliteCertificateTable::RevokeOfClient(absl::string_view subject, absl::string_view role,
                                                               absl::Time now, RevocationReason reason) {
  Statement statement(connection_,
                      "UPDATE certificates INDEXED BY certificates_by_subject "
                      "SET state = 3, revoked_at = ?2, revocation_reason = ?3 "
                      "WHERE subject = ?1 AND profile = 3 AND daemon = ?4 AND " SIGNET_CERTIFICATE_IS_LIVE);
  return statement.Text(subject).Time(now).Int(static_cast<int>(reason)).Text(role).Run();
}

absl::StatusOr<std::vector<CertificateRow>> SqliteCertificateTable::ListRevoked(absl::string_view authority_id,
                                                                                absl::Time now,
                                                                                absl::string_view after_serial,
                                                                                int limit) const {
  Statement statement(connection_, SIGNET_SELECT_CERTIFICATES_BRIEFLY
                      "INDEXED BY certificates_revoked WHERE authority_id = ?1 AND " SIGNET_CERTIFICATE_IS_REVOKED
                      " AND serial > ?3 ORDER BY serial LIMIT ?4");
  return All(statement.Text(authority_id).Time(now).Text(after_serial).Int(std::max(limit, 0)));
}

absl::StatusOr<int64_t> SqliteCertificateTable::CountRevocations(absl::string_view authority_id) const {
  Statement statement(connection_, "SELECT count FROM revocations WHERE authority_id = ?1");
  SIGNET_ASSIGN_OR_RETURN(const bool found, statement.Text(authority_id).Next());
  return found ? statement.ReadInt() : 0;
}

}  // namespace signet::store::sqlite
