// The tables of a transaction, one call of which fails.
#ifndef SIGNET_TESTS_TESTING_FAILING_TABLES_H_
#define SIGNET_TESTS_TESTING_FAILING_TABLES_H_

#include <vector>

#include "services/base/status_macros.h"
#include "services/store/tables.h"
#include "tests/testing/failing_call.h"
#include "tests/testing/failing_trust_tables.h"

namespace signet::testing {

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
  absl::StatusOr<store::NodeTallies> CountKinds(absl::Time now, uint64_t generation, int versions) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountKinds(now, generation, versions);
  }
  absl::StatusOr<uint64_t> HighestGeneration() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.HighestGeneration();
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
  absl::StatusOr<std::vector<store::TokenTally>> CountStates(absl::Time now,
                                                             absl::Time expiring_before) const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.CountStates(now, expiring_before);
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
  absl::StatusOr<int64_t> Count() const override {
    SIGNET_RETURN_IF_ERROR(fault_.Next());
    return real_.Count();
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
        sightings_(real.sightings(), fault),
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
  store::SightingTable& sightings() override { return sightings_; }
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
  FailingSightingTable sightings_;
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
