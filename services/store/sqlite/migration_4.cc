#include "services/store/sqlite/migrations.h"

namespace signet::store::sqlite {

// Subordinate authorities that a root elsewhere is asked to sign, and authorities whose key was stolen.
const char kMigration4[] = R"sql(
CREATE TABLE authority_requests (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  subject_der BLOB NOT NULL,
  csr_pem TEXT NOT NULL,
  custody TEXT NOT NULL,
  handle BLOB NOT NULL,
  spki_der BLOB NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  withdrawn_at INTEGER NOT NULL
) STRICT;

ALTER TABLE authorities ADD COLUMN stolen_at INTEGER NOT NULL DEFAULT -9223372036854775808;
)sql";

}  // namespace signet::store::sqlite
