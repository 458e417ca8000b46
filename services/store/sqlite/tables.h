// Every table over one connection.
#ifndef SIGNET_SERVICES_STORE_SQLITE_TABLES_H_
#define SIGNET_SERVICES_STORE_SQLITE_TABLES_H_

#include "services/store/sqlite/audit_table.h"
#include "services/store/sqlite/authority_table.h"
#include "services/store/sqlite/bundle_table.h"
#include "services/store/sqlite/certificate_table.h"
#include "services/store/sqlite/connection.h"
#include "services/store/sqlite/node_table.h"
#include "services/store/sqlite/token_table.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteTables final : public Tables {
 public:
  explicit SqliteTables(Connection& connection)
      : authorities_(connection),
        bundles_(connection),
        certificates_(connection),
        nodes_(connection),
        tokens_(connection),
        audit_(connection) {}
  AuthorityTable& authorities() override { return authorities_; }
  BundleTable& bundles() override { return bundles_; }
  CertificateTable& certificates() override { return certificates_; }
  NodeTable& nodes() override { return nodes_; }
  TokenTable& tokens() override { return tokens_; }
  AuditTable& audit() override { return audit_; }

 private:
  SqliteAuthorityTable authorities_;
  SqliteBundleTable bundles_;
  SqliteCertificateTable certificates_;
  SqliteNodeTable nodes_;
  SqliteTokenTable tokens_;
  SqliteAuditTable audit_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_TABLES_H_
