// The rows the store keeps. Plain values: bytes are raw unless a comment says hex. Times keep milliseconds.
#ifndef SIGNET_SERVICES_STORE_ROWS_H_
#define SIGNET_SERVICES_STORE_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace signet::store {

enum class Purpose { kSlurm = 1, kControl = 2 };
enum class AuthorityState { kPrepared = 1, kActive = 2, kRetired = 3, kRevoked = 4, kDestroyed = 5 };

struct AuthorityRow {
  std::string id;  // key id, hex
  Purpose purpose = Purpose::kSlurm;
  AuthorityState state = AuthorityState::kPrepared;
  std::string certificate_der;
  std::string custody;  // keys::CustodyKey
  std::string handle;
  std::string spki_der;
  uint64_t generation = 0;  // of this row: compare-and-set
  absl::Time created_at;    // when it became PREPARED, ACTIVE at the first start, or was imported
  absl::Time activated_at = absl::InfinitePast();  // the last time; InfinitePast: never, here and below
  absl::Time retired_at = absl::InfinitePast();
  absl::Time revoked_at = absl::InfinitePast();
  // When it was declared stolen, or left with a stolen one.
  absl::Time stolen_at = absl::InfinitePast();
  // Of a subordinate authority; empty for a root. What a leaf's chain carries above the leaf, PEM, its own certificate
  // first, and the root that is in the trust bundle in its stead.
  std::string intermediates_pem;
  std::string anchor_der;
};

// A subordinate authority to be: its key is here, its certificate is asked for. Deleted when the certificate came; one
// that was withdrawn stays, without its handle.
struct AuthorityRequestRow {
  std::string id;           // key id, hex: the authority's
  std::string subject_der;  // as asked for
  std::string csr_pem;
  std::string custody;  // keys::CustodyKey
  std::string handle;
  std::string spki_der;
  std::string created_by;  // audit::Origin::actor
  absl::Time created_at;
  absl::Time withdrawn_at = absl::InfinitePast();  // InfinitePast: it is open
};

// A cross certificate: `issuer_id` vouches for the anchor of `subject_id`.
struct CrossRow {
  std::string serial;  // hex
  std::string issuer_id;
  std::string subject_id;
  std::string certificate_der;
  absl::Time not_after;
  absl::Time created_at;
};

// An administrator's word that a host has loaded an authority's root.
struct AckRow {
  std::string authority_id;
  std::string host;  // or a service's name
  std::string reason;
  std::string acked_by;  // audit::Origin::actor
  absl::Time acked_at;
};

// What a program on a host said last of itself.
struct ReportRow {
  std::string host;
  std::string program;  // "slurmctld", "slurmdbd", "slurmrestd", "host"
  uint64_t disk_generation = 0;
  std::string disk_sha256;
  uint64_t loaded_generation = 0;
  std::string loaded_sha256;  // empty: it does not know
  std::string served_serial;  // hex; empty: it does not know
  std::string adapter_version;
  std::string reported_by;  // audit::Origin::actor
  absl::Time reported_at;
};

// What a daemon answered last when it was shown a certificate of an authority.
struct ProbeRow {
  std::string host;
  std::string program;
  std::string authority_id;
  bool trusted = false;
  std::string served_serial;  // hex
  absl::Time probed_at;
};

// A key that is no authority: purpose "bundle" or "audit".
struct KeyRow {
  std::string purpose;
  std::string custody;
  std::string handle;
  std::string spki_der;
  absl::Time created_at;
};

struct BundleRow {
  uint64_t generation = 0;
  std::string signed_bundle;
  absl::Time created_at;
};

enum class Profile { kNode = 1, kService = 2, kControl = 3, kProbe = 4 };
enum class CertificateState { kRecorded = 1, kIssued = 2, kRevoked = 3 };
// RFC 5280 section 5.3.1.
enum class RevocationReason { kUnspecified = 0, kKeyCompromise = 1, kSuperseded = 4, kCessationOfOperation = 5 };

// The record that exists before the signature does.
struct CertificateRow {
  std::string serial;  // hex, unique over all authorities
  std::string authority_id;
  Profile profile = Profile::kNode;
  std::string subject;  // CN
  std::string daemon;   // "slurmd", "sackd", the service, or the role
  CertificateState state = CertificateState::kRecorded;
  std::string tbs_der;  // the exact bytes to be signed
  std::string tbs_sha256;
  std::string der;  // empty until the signature was stored
  std::string spki_sha256;
  std::string identity_key_id;  // hex; nodes only
  uint64_t seq = 0;             // of the statement; nodes only
  absl::Time not_before;
  absl::Time not_after;
  absl::Time recorded_at;
  absl::Time revoked_at = absl::InfinitePast();  // InfinitePast: never
  RevocationReason revocation_reason = RevocationReason::kUnspecified;
};

// The newest certificate revocation list of an authority.
struct RevocationListRow {
  std::string authority_id;
  uint64_t number = 0;  // cRLNumber
  std::string der;
  int64_t entries = 0;
  absl::Time this_update;
  absl::Time next_update;
  int64_t revocations = 0;  // CertificateTable::CountRevocations when it was made
};

// What ended an identity key.
enum class EndedBy { kNothing = 0, kEnrolment = 1, kBlock = 2, kForget = 3, kRevocation = 4 };

// An identity key that was admitted once. Never deleted: one that ended must be recognised when it is used again.
struct IdentityRow {
  std::string key_id;  // hex
  std::string node;
  std::string daemon;
  std::string spki_der;
  int evidence = 0;      // enrollment::EvidenceKind
  std::string token_id;  // hex; empty without a token
  std::string pod_uid;   // of the pod that owns it; empty unless the evidence is Kubernetes
  absl::Time admitted_at;
  absl::Time superseded_at = absl::InfiniteFuture();  // when it ended; InfiniteFuture: the live one
  EndedBy ended_by = EndedBy::kNothing;
};

// One daemon of one node: the ledger.
struct NodeRow {
  std::string name;
  std::string daemon;
  std::string key_id;  // the live identity key, hex
  uint64_t seq = 0;
  std::string boot_id;
  std::string previous_boot_id;  // those before it under this identity key, newest first, "," between
  std::string machine_id_sha256;
  absl::Time clone_suspected_at = absl::InfinitePast();  // the last sign of a second host; InfinitePast: never
  std::string serial;                                    // newest certificate
  absl::Time not_after;
  uint64_t disk_generation = 0;
  std::string disk_sha256;
  uint64_t loaded_generation = 0;
  std::string loaded_sha256;
  std::string adapter_version;
  absl::Time enrolled_at;
  absl::Time last_request_at;
};

struct TokenRow {
  std::string id;  // hex
  std::string node;
  std::string daemon;
  int kind = 0;  // evidence::TokenKind
  std::string spki_der;
  absl::Time created_at;
  absl::Time expires_at;
  std::string created_by;
  int64_t uses = 0;
  absl::Time last_used_at = absl::InfinitePast();  // InfinitePast: never
  std::string used_by_key_id;                      // the last identity key it admitted, hex
  bool revoked = false;
  std::string label;  // free text of its maker; may be empty
};

// A node name that gets nothing, enrolled or not.
struct BlockRow {
  std::string node;
  std::string reason;
  std::string blocked_by;  // audit::Origin::actor
  absl::Time blocked_at;
};

// An identity key that an administrator admits without a token. Deleted when the key came.
struct ApprovalRow {
  std::string key_id;  // hex
  std::string node;
  std::string daemon;
  std::string approved_by;
  absl::Time approved_at;
  absl::Time expires_at;
};

// One of the last refused requests in a node's name; the audit log has all.
struct RefusalRow {
  std::string node;
  absl::Time at;
  std::string action;
  std::string reason;
  std::string message;
  std::string next;
  std::string actor;
  std::string request_id;
  std::string key_id;   // hex, of the identity key in the request; may be empty
  bool proven = false;  // the requester proved to be this node
};

// A provisioner: whose nodes it may make boot tokens for.
struct ProvisionerRow {
  std::string name;
  std::string nodes;  // hostlist
  std::string issued_by;
  absl::Time issued_at;
};

struct AuditRow {
  uint64_t sequence = 0;
  std::string bytes;  // a serialized signet.v1.AuditRecord
};

struct CheckpointRow {
  uint64_t sequence = 0;
  std::string bytes;  // a serialized signet.v1.SignedCheckpoint
};

}  // namespace signet::store

#endif  // SIGNET_SERVICES_STORE_ROWS_H_
