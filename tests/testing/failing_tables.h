// The tables of a transaction, one call of which fails.
#ifndef SIGNET_TESTS_TESTING_FAILING_TABLES_H_
#define SIGNET_TESTS_TESTING_FAILING_TABLES_H_

#include <atomic>
#include <string>
#include <vector>

#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/tables.h"

namespace signet::testing {

// Counts down to the call that fails.
class FailingCall {
 public:
  // The `number`-th call from now on fails; none when it is 0.
  void Set(int number) {
    left_ = number;
    reached_ = false;
  }
  // Whether that call has come.
  bool reached() const { return reached_; }
  absl::Status Next() {
    if (left_ == 0 || --left_ > 0) return absl::OkStatus();
    reached_ = true;
    return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, "the disk does not answer");
  }

 private:
  std::atomic<int> left_{0};
  std::atomic<bool> reached_{false};
};

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

 private:
  store::AuthorityTable& real_;
  FailingCall& fault_;
};

class FailingBundleTable final : public store::BundleTable {
 public:
  FailingBundleTable(store::BundleTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::BundleRow> Newest() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Newest();
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

 private:
  store::CertificateTable& real_;
  FailingCall& fault_;
};

class FailingNodeTable final : public store::NodeTable {
 public:
  FailingNodeTable(store::NodeTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::NodeRow> Find(absl::string_view name, absl::string_view daemon) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(name, daemon);
  }
  absl::Status Put(const store::NodeRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Put(row);
  }
  absl::StatusOr<std::vector<store::NodeRow>> List(absl::string_view after_name, absl::string_view after_daemon,
                                                   int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(after_name, after_daemon, limit);
  }
  absl::StatusOr<store::NodeCounts> Count(absl::Time now) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Count(now);
  }
  absl::StatusOr<store::IdentityRow> FindIdentity(absl::string_view key_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindIdentity(key_id);
  }
  absl::Status InsertIdentity(const store::IdentityRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.InsertIdentity(row);
  }
  absl::StatusOr<int64_t> EndIdentities(absl::string_view node, absl::string_view daemon, absl::Time when,
                                        store::EndedBy by) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.EndIdentities(node, daemon, when, by);
  }
  absl::StatusOr<store::IdentityRow> FindIdentityOfPod(absl::string_view pod_uid) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.FindIdentityOfPod(pod_uid);
  }
  absl::StatusOr<std::vector<store::IdentityRow>> ListIdentitiesOfToken(absl::string_view token_id,
                                                                        int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListIdentitiesOfToken(token_id, limit);
  }
  absl::StatusOr<int64_t> Forget(absl::string_view name) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Forget(name);
  }
  absl::StatusOr<int64_t> CountIdentities(absl::string_view node, absl::string_view daemon,
                                          absl::Time since) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountIdentities(node, daemon, since);
  }

 private:
  store::NodeTable& real_;
  FailingCall& fault_;
};

class FailingTokenTable final : public store::TokenTable {
 public:
  FailingTokenTable(store::TokenTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::Status Insert(const store::TokenRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }
  absl::StatusOr<store::TokenRow> Find(absl::string_view id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(id);
  }
  absl::Status Update(const store::TokenRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Update(row);
  }
  absl::StatusOr<store::TokenPage> List(const store::TokenQuery& query) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(query);
  }
  absl::StatusOr<int64_t> CountOpen(absl::Time now) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountOpen(now);
  }
  absl::StatusOr<int64_t> RevokeOfNode(absl::string_view node, absl::Time now) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.RevokeOfNode(node, now);
  }
  absl::StatusOr<int64_t> RevokeOfLabel(absl::string_view label, absl::Time now) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.RevokeOfLabel(label, now);
  }

 private:
  store::TokenTable& real_;
  FailingCall& fault_;
};

class FailingBlockTable final : public store::BlockTable {
 public:
  FailingBlockTable(store::BlockTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::BlockRow> Find(absl::string_view node) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(node);
  }
  absl::Status Insert(const store::BlockRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }
  absl::StatusOr<bool> Delete(absl::string_view node) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Delete(node);
  }

 private:
  store::BlockTable& real_;
  FailingCall& fault_;
};

class FailingApprovalTable final : public store::ApprovalTable {
 public:
  FailingApprovalTable(store::ApprovalTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::ApprovalRow> Find(absl::string_view key_id) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(key_id);
  }
  absl::StatusOr<std::vector<store::ApprovalRow>> List(absl::string_view node) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(node);
  }
  absl::Status Put(const store::ApprovalRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Put(row);
  }
  absl::StatusOr<bool> Delete(absl::string_view key_id) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Delete(key_id);
  }
  absl::StatusOr<int64_t> DeleteOfNode(absl::string_view node) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.DeleteOfNode(node);
  }

 private:
  store::ApprovalTable& real_;
  FailingCall& fault_;
};

class FailingRefusalTable final : public store::RefusalTable {
 public:
  FailingRefusalTable(store::RefusalTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::Status Insert(const store::RefusalRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Insert(row);
  }
  absl::StatusOr<std::vector<store::RefusalRow>> List(absl::string_view node) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(node);
  }

 private:
  store::RefusalTable& real_;
  FailingCall& fault_;
};

class FailingProvisionerTable final : public store::ProvisionerTable {
 public:
  FailingProvisionerTable(store::ProvisionerTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::ProvisionerRow> Find(absl::string_view name) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Find(name);
  }
  absl::StatusOr<std::vector<store::ProvisionerRow>> List() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List();
  }
  absl::Status Put(const store::ProvisionerRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Put(row);
  }

 private:
  store::ProvisionerTable& real_;
  FailingCall& fault_;
};

class FailingAuditTable final : public store::AuditTable {
 public:
  FailingAuditTable(store::AuditTable& real, FailingCall& fault) : real_(real), fault_(fault) {}
  absl::StatusOr<store::AuditRow> Last() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Last();
  }
  absl::Status Append(const store::AuditRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Append(row);
  }
  absl::StatusOr<std::vector<store::AuditRow>> List(uint64_t after_sequence, int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.List(after_sequence, limit);
  }
  absl::StatusOr<store::CheckpointRow> LastCheckpoint() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.LastCheckpoint();
  }
  absl::Status AppendCheckpoint(const store::CheckpointRow& row) override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.AppendCheckpoint(row);
  }
  absl::StatusOr<std::vector<store::CheckpointRow>> ListCheckpoints(uint64_t after_sequence, int limit) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.ListCheckpoints(after_sequence, limit);
  }

 private:
  store::AuditTable& real_;
  FailingCall& fault_;
};

class FailingTables final : public store::Tables {
 public:
  FailingTables(store::Tables& real, FailingCall& fault)
      : authorities_(real.authorities(), fault),
        bundles_(real.bundles(), fault),
        certificates_(real.certificates(), fault),
        nodes_(real.nodes(), fault),
        tokens_(real.tokens(), fault),
        blocks_(real.blocks(), fault),
        approvals_(real.approvals(), fault),
        refusals_(real.refusals(), fault),
        provisioners_(real.provisioners(), fault),
        audit_(real.audit(), fault) {}
  store::AuthorityTable& authorities() override { return authorities_; }
  store::BundleTable& bundles() override { return bundles_; }
  store::CertificateTable& certificates() override { return certificates_; }
  store::NodeTable& nodes() override { return nodes_; }
  store::TokenTable& tokens() override { return tokens_; }
  store::BlockTable& blocks() override { return blocks_; }
  store::ApprovalTable& approvals() override { return approvals_; }
  store::RefusalTable& refusals() override { return refusals_; }
  store::ProvisionerTable& provisioners() override { return provisioners_; }
  store::AuditTable& audit() override { return audit_; }

 private:
  FailingAuthorityTable authorities_;
  FailingBundleTable bundles_;
  FailingCertificateTable certificates_;
  FailingNodeTable nodes_;
  FailingTokenTable tokens_;
  FailingBlockTable blocks_;
  FailingApprovalTable approvals_;
  FailingRefusalTable refusals_;
  FailingProvisionerTable provisioners_;
  FailingAuditTable audit_;
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAILING_TABLES_H_
