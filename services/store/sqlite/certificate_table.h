// Every certificate that was ever recorded.
#ifndef SIGNET_SERVICES_STORE_SQLITE_CERTIFICATE_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_CERTIFICATE_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

// "Newest" is by order of insertion.
class SqliteCertificateTable final : public CertificateTable {
 public:
  explicit SqliteCertificateTable(Connection& connection) : connection_(connection) {}
  absl::Status Insert(const CertificateRow& row) override;
  absl::Status SetIssued(absl::string_view serial, absl::string_view der) override;
  absl::StatusOr<CertificateRow> Find(absl::string_view serial) const override;
  absl::StatusOr<CertificateRow> FindAnswer(absl::string_view identity_key_id, uint64_t seq,
                                            absl::string_view spki_sha256) const override;
  absl::StatusOr<CertificateRow> FindBySpki(absl::string_view spki_sha256) const override;
  absl::StatusOr<CertificatePage> List(const CertificateQuery& query) const override;
  absl::StatusOr<CertificateRow> Newest(Profile profile, absl::string_view subject) const override;
  absl::StatusOr<std::vector<CertificateRow>> ListLive(absl::string_view authority_id, absl::Time now,
                                                       absl::string_view after_serial, int limit) const override;
  absl::StatusOr<int64_t> CountLive(absl::string_view authority_id, absl::Time now) const override;
  absl::StatusOr<bool> Revoke(absl::string_view serial, absl::Time when, RevocationReason reason) override;
  absl::StatusOr<int64_t> RevokeOfAuthority(absl::string_view authority_id, absl::Time now,
                                            RevocationReason reason) override;
  absl::StatusOr<int64_t> RevokeOfSubject(absl::string_view subject, absl::Time now, RevocationReason reason) override;
  absl::StatusOr<int64_t> RevokeOfClient(absl::string_view subject, absl::string_view role, absl::Time now,
                                         RevocationReason reason) override;
  absl::StatusOr<std::vector<CertificateRow>> ListRevoked(absl::string_view authority_id, absl::Time now,
                                                          absl::string_view after_serial, int limit) const override;
  absl::StatusOr<int64_t> CountRevocations(absl::string_view authority_id) const override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_CERTIFICATE_TABLE_H_
