#include "services/store/sqlite/migrations.h"

namespace signet::store::sqlite {

// The life of a node: blocks, approvals, what was refused last, who may make boot tokens for whom, pods and labels.
// A block is kept by name, not in nodes: a name can be blocked before it ever enrols. It ends identity keys and tokens
// for ever, so a node that was blocked before loses them here.
const char kMigration2[] = R"sql(
CREATE TABLE blocks (
  node TEXT NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  blocked_by TEXT NOT NULL,
  blocked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO blocks SELECT name, '', '', max(last_request_at) FROM nodes WHERE blocked <> 0 GROUP BY name;
ALTER TABLE nodes DROP COLUMN blocked;
ALTER TABLE nodes ADD COLUMN previous_boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN clone_suspected_at INTEGER NOT NULL DEFAULT -9223372036854775808;

ALTER TABLE identities ADD COLUMN pod_uid TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN ended_by INTEGER NOT NULL DEFAULT 0;
UPDATE identities SET ended_by = 1 WHERE superseded_at < 9223372036854775807;
UPDATE identities SET ended_by = 2, superseded_at = (SELECT blocked_at FROM blocks WHERE blocks.node = identities.node)
  WHERE superseded_at = 9223372036854775807 AND node IN (SELECT node FROM blocks);
UPDATE tokens SET revoked = 1 WHERE node IN (SELECT node FROM blocks);
CREATE INDEX identities_by_pod ON identities (pod_uid, admitted_at) WHERE pod_uid <> '';
CREATE INDEX identities_by_token ON identities (token_id, admitted_at) WHERE token_id <> '';

ALTER TABLE tokens ADD COLUMN label TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_by_label ON tokens (label, node) WHERE label <> '';

CREATE TABLE approvals (
  key_id TEXT NOT NULL PRIMARY KEY,
  node TEXT NOT NULL,
  daemon TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  approved_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_by_node ON approvals (node, approved_at);

CREATE TABLE refusals (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  next TEXT NOT NULL,
  actor TEXT NOT NULL,
  request_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  proven INTEGER NOT NULL
) STRICT;
CREATE INDEX refusals_by_node ON refusals (node, proven, id);
CREATE INDEX refusals_unproven ON refusals (id) WHERE proven = 0;

CREATE TABLE provisioners (
  name TEXT NOT NULL PRIMARY KEY,
  nodes TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  issued_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace signet::store::sqlite
