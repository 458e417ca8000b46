#include "services/store/sqlite/migrations.h"

namespace signet::store::sqlite {

// Times are Unix milliseconds. `id` of a certificate is the order of arrival: "newest" must not depend on a clock that
// can jump. A request may be answered by a second certificate once the first is not worth having, so
// certificates_by_request is not unique.
const char kMigration1[] = R"sql(
CREATE TABLE authorities (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  purpose INTEGER NOT NULL,
  state INTEGER NOT NULL,
  certificate_der BLOB NOT NULL,
  custody TEXT NOT NULL,
  handle BLOB NOT NULL,
  spki_der BLOB NOT NULL,
  generation INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
  purpose TEXT NOT NULL PRIMARY KEY,
  custody TEXT NOT NULL,
  handle BLOB NOT NULL,
  spki_der BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bundles (
  generation INTEGER PRIMARY KEY,
  signed_bundle BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE certificates (
  id INTEGER PRIMARY KEY,
  serial TEXT NOT NULL UNIQUE,
  authority_id TEXT NOT NULL,
  profile INTEGER NOT NULL,
  subject TEXT NOT NULL,
  daemon TEXT NOT NULL,
  state INTEGER NOT NULL,
  spki_sha256 BLOB NOT NULL,
  identity_key_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  tbs_sha256 BLOB NOT NULL,
  tbs_der BLOB NOT NULL,
  der BLOB NOT NULL
) STRICT;
CREATE INDEX certificates_by_subject ON certificates (subject);
CREATE INDEX certificates_by_key ON certificates (spki_sha256);
CREATE INDEX certificates_by_request ON certificates (identity_key_id, seq) WHERE identity_key_id <> '';

CREATE TABLE nodes (
  name TEXT NOT NULL,
  daemon TEXT NOT NULL,
  key_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  machine_id_sha256 BLOB NOT NULL,
  serial TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  disk_generation INTEGER NOT NULL,
  disk_sha256 BLOB NOT NULL,
  loaded_generation INTEGER NOT NULL,
  loaded_sha256 BLOB NOT NULL,
  adapter_version TEXT NOT NULL,
  blocked INTEGER NOT NULL,
  enrolled_at INTEGER NOT NULL,
  last_request_at INTEGER NOT NULL,
  PRIMARY KEY (name, daemon)
) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_end ON nodes (not_after);

CREATE TABLE identities (
  key_id TEXT NOT NULL PRIMARY KEY,
  node TEXT NOT NULL,
  daemon TEXT NOT NULL,
  spki_der BLOB NOT NULL,
  evidence INTEGER NOT NULL,
  token_id TEXT NOT NULL,
  admitted_at INTEGER NOT NULL,
  superseded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_node ON identities (node, daemon, admitted_at);
CREATE INDEX identities_live ON identities (node, daemon) WHERE superseded_at = 9223372036854775807;

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  node TEXT NOT NULL,
  daemon TEXT NOT NULL,
  kind INTEGER NOT NULL,
  spki_der BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  uses INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  used_by_key_id TEXT NOT NULL,
  revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_node ON tokens (node, created_at DESC, id);

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
  sequence INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
)sql";

}  // namespace signet::store::sqlite
