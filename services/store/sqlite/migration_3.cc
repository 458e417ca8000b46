#include "services/store/sqlite/migrations.h"

namespace signet::store::sqlite {

// The life of authorities and the end of certificates. Of an authority that was there before, the day it was made or
// imported is the day it took its state. State 3 is revoked: the partial indices hold what is not, for gates and counts
// (an index each, since one is walked by serial and the other by time), and what is, for revocation lists. Revocations
// are counted by a trigger, so that no way of revoking can forget it.
const char kMigration3[] = R"sql(
ALTER TABLE authorities ADD COLUMN activated_at INTEGER NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE authorities ADD COLUMN retired_at INTEGER NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE authorities ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE authorities ADD COLUMN intermediates_pem TEXT NOT NULL DEFAULT '';
ALTER TABLE authorities ADD COLUMN anchor_der BLOB NOT NULL DEFAULT x'';
UPDATE authorities SET activated_at = created_at WHERE state = 2;
UPDATE authorities SET retired_at = created_at WHERE state = 3;

CREATE TABLE crosses (
  position INTEGER PRIMARY KEY,
  serial TEXT NOT NULL UNIQUE,
  issuer_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  certificate_der BLOB NOT NULL,
  not_after INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

ALTER TABLE certificates ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE certificates ADD COLUMN revocation_reason INTEGER NOT NULL DEFAULT 0;
CREATE INDEX certificates_live_by_serial ON certificates (authority_id, serial, not_after) WHERE state <> 3;
CREATE INDEX certificates_live_by_end ON certificates (authority_id, not_after) WHERE state <> 3;
CREATE INDEX certificates_revoked ON certificates (authority_id, serial, not_after) WHERE state = 3;

CREATE TABLE revocations (
  authority_id TEXT NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER certificates_count_revocations AFTER UPDATE OF state ON certificates
WHEN new.state = 3 AND old.state <> 3
BEGIN
  INSERT INTO revocations VALUES (new.authority_id, 1) ON CONFLICT (authority_id) DO UPDATE SET count = count + 1;
END;

CREATE TABLE revocation_lists (
  authority_id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  der BLOB NOT NULL,
  entries INTEGER NOT NULL,
  revocations INTEGER NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL
) STRICT;

CREATE TABLE acks (
  authority_id TEXT NOT NULL,
  host TEXT NOT NULL,
  reason TEXT NOT NULL,
  acked_by TEXT NOT NULL,
  acked_at INTEGER NOT NULL,
  PRIMARY KEY (authority_id, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
  host TEXT NOT NULL,
  program TEXT NOT NULL,
  disk_generation INTEGER NOT NULL,
  disk_sha256 BLOB NOT NULL,
  loaded_generation INTEGER NOT NULL,
  loaded_sha256 BLOB NOT NULL,
  served_serial TEXT NOT NULL,
  adapter_version TEXT NOT NULL,
  reported_by TEXT NOT NULL,
  reported_at INTEGER NOT NULL,
  PRIMARY KEY (host, program)
) STRICT, WITHOUT ROWID;

CREATE TABLE probes (
  authority_id TEXT NOT NULL,
  host TEXT NOT NULL,
  program TEXT NOT NULL,
  trusted INTEGER NOT NULL,
  served_serial TEXT NOT NULL,
  probed_at INTEGER NOT NULL,
  PRIMARY KEY (authority_id, host, program)
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace signet::store::sqlite
