// The tables of what signs and what is signed: authorities, sightings, bundles, certificates. One call of them fails.
#ifndef SIGNET_TESTS_TESTING_FAILING_TRUST_TABLES_H_
#define SIGNET_TESTS_TESTING_FAILING_TRUST_TABLES_H_

#include <vector>

#include "services/base/status_macros.h"
#include "services/store/tables.h"
#include "tests/testing/failing_call.h"

namespace signet::testing {

class FailingAuthorityTable final : public store::AuthorityTable {
 public:
  FailingAuthorityTable(store::AuthorityTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<std::vector<store::AuthorityRow>> List() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List();
  }
  absl::Status Insert(const store::AuthorityRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }
  absl::Status Update(const store::AuthorityRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Update(row);
  }
  absl::StatusOr<store::KeyRow> FindKey(absl::string_view purpose) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindKey(purpose);
  }
  absl::Status InsertKey(const store::KeyRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.InsertKey(row);
  }
  absl::StatusOr<std::vector<store::AuthorityRequestRow>> ListRequests() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListRequests();
  }
  absl::Status InsertRequest(const store::AuthorityRequestRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.InsertRequest(row);
  }
  absl::StatusOr<bool> WithdrawRequest(absl::string_view id, absl::Time when) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.WithdrawRequest(id, when);
  }
  absl::StatusOr<bool> DeleteRequest(absl::string_view id) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.DeleteRequest(id);
  }
  absl::StatusOr<std::vector<store::CrossRow>> ListCrosses() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListCrosses();
  }
  absl::Status InsertCross(const store::CrossRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.InsertCross(row);
  }
  absl::StatusOr<store::RevocationListRow> FindRevocationList(absl::string_view authority_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindRevocationList(authority_id);
  }
  absl::Status PutRevocationList(const store::RevocationListRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.PutRevocationList(row);
  }

 private:
  store::AuthorityTable& real_;
  FailingCall& fault_;
};

class FailingSightingTable final : public store::SightingTable {
 public:
  FailingSightingTable(store::SightingTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<std::vector<store::AckRow>> ListAcks(absl::string_view authority_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListAcks(authority_id);
  }
  absl::StatusOr<bool> InsertAck(const store::AckRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.InsertAck(row);
  }
  absl::StatusOr<std::vector<store::ReportRow>> ListReports() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListReports();
  }
  absl::Status PutReport(const store::ReportRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.PutReport(row);
  }
  absl::StatusOr<int64_t> DeleteReports(absl::string_view host) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.DeleteReports(host);
  }
  absl::StatusOr<std::vector<store::ProbeRow>> ListProbes(absl::string_view authority_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListProbes(authority_id);
  }
  absl::Status PutProbe(const store::ProbeRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.PutProbe(row);
  }
  absl::Status DeleteProbes(absl::string_view host, absl::string_view program) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.DeleteProbes(host, program);
  }

 private:
  store::SightingTable& real_;
  FailingCall& fault_;
};

class FailingBundleTable final : public store::BundleTable {
 public:
  FailingBundleTable(store::BundleTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::BundleRow> Newest() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Newest();
  }
  absl::StatusOr<std::vector<store::BundleRow>> List(int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(limit);
  }
  absl::Status Insert(const store::BundleRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }

 private:
  store::BundleTable& real_;
  FailingCall& fault_;
};

class FailingCertificateTable final : public store::CertificateTable {
 public:
  FailingCertificateTable(store::CertificateTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::Status Insert(const store::CertificateRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }
  absl::Status SetIssued(absl::string_view serial, absl::string_view der) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.SetIssued(serial, der);
  }
  absl::StatusOr<store::CertificateRow> Find(absl::string_view serial) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(serial);
  }
  absl::StatusOr<store::CertificateRow> FindAnswer(absl::string_view identity_key_id, uint64_t seq,
                                                   absl::string_view spki_sha256) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindAnswer(identity_key_id, seq, spki_sha256);
  }
  absl::StatusOr<store::CertificateRow> FindBySpki(absl::string_view spki_sha256) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindBySpki(spki_sha256);
  }
  absl::StatusOr<store::CertificatePage> List(const store::CertificateQuery& query) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(query);
  }
  absl::StatusOr<store::CertificateRow> Newest(store::Profile profile, absl::string_view subject) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Newest(profile, subject);
  }
  absl::StatusOr<std::vector<store::CertificateRow>> ListLive(absl::string_view authority_id, absl::Time now,
                                                              absl::string_view after_serial,
                                                              int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListLive(authority_id, now, after_serial, limit);
  }
  absl::StatusOr<int64_t> CountLive(absl::string_view authority_id, absl::Time now) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountLive(authority_id, now);
  }
  absl::StatusOr<bool> Revoke(absl::string_view serial, absl::Time when, store::RevocationReason reason) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Revoke(serial, when, reason);
  }
  absl::StatusOr<int64_t> RevokeOfAuthority(absl::string_view authority_id, absl::Time now,
                                            store::RevocationReason reason) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.RevokeOfAuthority(authority_id, now, reason);
  }
  absl::StatusOr<int64_t> RevokeOfSubject(absl::string_view subject, absl::Time now,
                                          store::RevocationReason reason) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.RevokeOfSubject(subject, now, reason);
  }
  absl::StatusOr<int64_t> RevokeOfClient(absl::string_view subject, absl::string_view role, absl::Time now,
                                         store::RevocationReason reason) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.RevokeOfClient(subject, role, now, reason);
  }
  absl::StatusOr<std::vector<store::CertificateRow>> ListRevoked(absl::string_view authority_id, absl::Time now,
                                                                 absl::string_view after_serial,
                                                                 int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListRevoked(authority_id, now, after_serial, limit);
  }
  absl::StatusOr<int64_t> CountRevocations(absl::string_view authority_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountRevocations(authority_id);
  }

 private:
  store::CertificateTable& real_;
  FailingCall& fault_;
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAILING_TRUST_TABLES_H_
