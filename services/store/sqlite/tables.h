// Every table over one connection.
#ifndef SIGNET_SERVICES_STORE_SQLITE_TABLES_H_
#define SIGNET_SERVICES_STORE_SQLITE_TABLES_H_

#include "services/store/sqlite/approval_table.h"
#include "services/store/sqlite/audit_table.h"
#include "services/store/sqlite/authority_table.h"
#include "services/store/sqlite/block_table.h"
#include "services/store/sqlite/bundle_table.h"
#include "services/store/sqlite/certificate_table.h"
#include "services/store/sqlite/connection.h"
#include "services/store/sqlite/node_table.h"
#include "services/store/sqlite/provisioner_table.h"
#include "services/store/sqlite/refusal_table.h"
#include "services/store/sqlite/sighting_table.h"
#include "services/store/sqlite/token_table.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteTables final : public Tables {
 public:
  explicit SqliteTables(Connection& connection)
      : authorities_(connection),
        sightings_(connection),
        bundles_(connection),
        certificates_(connection),
        nodes_(connection),
        tokens_(connection),
        blocks_(connection),
        approvals_(connection),
        refusals_(connection),
        provisioners_(connection),
        audit_(connection) {}
  AuthorityTable& authorities() override { return authorities_; }
  SightingTable& sightings() override { return sightings_; }
  BundleTable& bundles() override { return bundles_; }
  CertificateTable& certificates() override { return certificates_; }
  NodeTable& nodes() override { return nodes_; }
  TokenTable& tokens() override { return tokens_; }
  BlockTable& blocks() override { return blocks_; }
  ApprovalTable& approvals() override { return approvals_; }
  RefusalTable& refusals() override { return refusals_; }
  ProvisionerTable& provisioners() override { return provisioners_; }
  AuditTable& audit() override { return audit_; }

 private:
  SqliteAuthorityTable authorities_;
  SqliteSightingTable sightings_;
  SqliteBundleTable bundles_;
  SqliteCertificateTable certificates_;
  SqliteNodeTable nodes_;
  SqliteTokenTable tokens_;
  SqliteBlockTable blocks_;
  SqliteApprovalTable approvals_;
  SqliteRefusalTable refusals_;
  SqliteProvisionerTable provisioners_;
  SqliteAuditTable audit_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_TABLES_H_
