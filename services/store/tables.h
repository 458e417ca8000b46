// Narrow table interfaces. Const methods read, others write; all errors are UNAVAILABLE / STORE_UNAVAILABLE (try again)
// unless a comment says otherwise. Find returns NOT_FOUND when there is no such row; Insert returns ALREADY_EXISTS on a
// duplicate key.
#ifndef SIGNET_SERVICES_STORE_TABLES_H_
#define SIGNET_SERVICES_STORE_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/store/rows.h"

namespace signet::store {

class AuthorityTable {
 public:
  virtual ~AuthorityTable() = default;
  // Oldest first.
  virtual absl::StatusOr<std::vector<AuthorityRow>> List() const = 0;
  virtual absl::Status Insert(const AuthorityRow& row) = 0;
  // Replaces the row and adds one to its generation; ABORTED when the stored generation is not row.generation.
  virtual absl::Status Update(const AuthorityRow& row) = 0;
  virtual absl::StatusOr<KeyRow> FindKey(absl::string_view purpose) const = 0;
  virtual absl::Status InsertKey(const KeyRow& row) = 0;

  // Oldest first, withdrawn ones too.
  virtual absl::StatusOr<std::vector<AuthorityRequestRow>> ListRequests() const = 0;
  virtual absl::Status InsertRequest(const AuthorityRequestRow& row) = 0;
  // Empties the handle of an open request and says when. True when it was open.
  virtual absl::StatusOr<bool> WithdrawRequest(absl::string_view id, absl::Time when) = 0;
  // True when it was there.
  virtual absl::StatusOr<bool> DeleteRequest(absl::string_view id) = 0;

  // Oldest first, expired ones too.
  virtual absl::StatusOr<std::vector<CrossRow>> ListCrosses() const = 0;
  virtual absl::Status InsertCross(const CrossRow& row) = 0;

  // The newest list of an authority.
  virtual absl::StatusOr<RevocationListRow> FindRevocationList(absl::string_view authority_id) const = 0;
  // Inserts or replaces, by authority.
  virtual absl::Status PutRevocationList(const RevocationListRow& row) = 0;
};

// What is known of who has loaded which root, besides the nodes' own statements (NodeTable).
class SightingTable {
 public:
  virtual ~SightingTable() = default;
  virtual absl::StatusOr<std::vector<AckRow>> ListAcks(absl::string_view authority_id) const = 0;
  // Inserts or replaces, by authority and host. True when it was not there.
  virtual absl::StatusOr<bool> InsertAck(const AckRow& row) = 0;
  // By host and program.
  virtual absl::StatusOr<std::vector<ReportRow>> ListReports() const = 0;
  // Inserts or replaces, by host and program.
  virtual absl::Status PutReport(const ReportRow& row) = 0;
  // Deletes those of a host, whatever the program; their number.
  virtual absl::StatusOr<int64_t> DeleteReports(absl::string_view host) = 0;
  // Of one authority, by host and program.
  virtual absl::StatusOr<std::vector<ProbeRow>> ListProbes(absl::string_view authority_id) const = 0;
  // Inserts or replaces, by host, program and authority.
  virtual absl::Status PutProbe(const ProbeRow& row) = 0;
  // Those of one program on one host, whatever the authority.
  virtual absl::Status DeleteProbes(absl::string_view host, absl::string_view program) = 0;
};

class BundleTable {
 public:
  virtual ~BundleTable() = default;
  virtual absl::StatusOr<BundleRow> Newest() const = 0;
  // Newest first; at most `limit`.
  virtual absl::StatusOr<std::vector<BundleRow>> List(int limit) const = 0;
  virtual absl::Status Insert(const BundleRow& row) = 0;
};

struct CertificateQuery {
  std::string subject;      // empty: all
  std::string after_token;  // from CertificatePage::next_token
  int limit = 100;
};
struct CertificatePage {
  std::vector<CertificateRow> rows;  // newest first
  std::string next_token;            // empty: the last page
};

class CertificateTable {
 public:
  virtual ~CertificateTable() = default;
  virtual absl::Status Insert(const CertificateRow& row) = 0;
  // Stores the released certificate: kRecorded → kIssued. No change when it is issued already.
  virtual absl::Status SetIssued(absl::string_view serial, absl::string_view der) = 0;
  virtual absl::StatusOr<CertificateRow> Find(absl::string_view serial) const = 0;
  // The certificate that answered this very request: same identity key, seq and CSR key.
  virtual absl::StatusOr<CertificateRow> FindAnswer(absl::string_view identity_key_id, uint64_t seq,
                                                    absl::string_view spki_sha256) const = 0;
  // The newest certificate for this key; NOT_FOUND when no certificate carries it. Finds a key enrolled for another
  // node.
  virtual absl::StatusOr<CertificateRow> FindBySpki(absl::string_view spki_sha256) const = 0;
  virtual absl::StatusOr<CertificatePage> List(const CertificateQuery& query) const = 0;
  // The newest certificate of a subject under a profile.
  virtual absl::StatusOr<CertificateRow> Newest(Profile profile, absl::string_view subject) const = 0;
  // Certificates that have not ended at `now` (notAfter itself is still inside) and are not revoked, of one authority,
  // by serial, strictly after the given one; without tbs_der and der.
  virtual absl::StatusOr<std::vector<CertificateRow>> ListLive(absl::string_view authority_id, absl::Time now,
                                                               absl::string_view after_serial, int limit) const = 0;
  virtual absl::StatusOr<int64_t> CountLive(absl::string_view authority_id, absl::Time now) const = 0;
  // Recorded or issued → revoked; true when it was neither before. NOT_FOUND for an unknown serial.
  virtual absl::StatusOr<bool> Revoke(absl::string_view serial, absl::Time when, RevocationReason reason) = 0;
  // Revokes what ListLive would list, and, of a subject, those of profiles node and service; their number. O(log n)
  // each.
  virtual absl::StatusOr<int64_t> RevokeOfAuthority(absl::string_view authority_id, absl::Time now,
                                                    RevocationReason reason) = 0;
  virtual absl::StatusOr<int64_t> RevokeOfSubject(absl::string_view subject, absl::Time now,
                                                  RevocationReason reason) = 0;
  // The same for a name of Signet's own: its certificates of profile control in this role (CertificateRow::daemon).
  virtual absl::StatusOr<int64_t> RevokeOfClient(absl::string_view subject, absl::string_view role, absl::Time now,
                                                 RevocationReason reason) = 0;
  // Revoked certificates of an authority that have not ended at `now`, by serial; without tbs_der and der.
  virtual absl::StatusOr<std::vector<CertificateRow>> ListRevoked(absl::string_view authority_id, absl::Time now,
                                                                  absl::string_view after_serial, int limit) const = 0;
  // How many certificates of an authority were ever revoked by one of the calls above: never falls, whatever the clock
  // says and whatever is pruned.
  virtual absl::StatusOr<int64_t> CountRevocations(absl::string_view authority_id) const = 0;
};

struct NodeCounts {
  int64_t enrolled = 0;
  int64_t certified = 0;   // with an unexpired certificate
  std::string first_lost;  // name of the one whose unexpired certificate ends first; empty when there is none
  absl::Time first_lost_at;
};

// How the bundle that a daemon has loaded stands to a generation; kUnknown: it has not said.
enum class LoadedBundle { kCurrent = 1, kBehind = 2, kAhead = 3, kUnknown = 4 };
template <typename Key>
struct Tally {
  Key key;
  int64_t count = 0;
};
// Of the nodes' daemons with an unexpired certificate that are not blocked.
struct NodeTallies {
  std::vector<Tally<int>> by_evidence;  // enrollment::EvidenceKind of the live identity key
  std::vector<Tally<LoadedBundle>> by_bundle;
  std::vector<Tally<std::string>> by_adapter;  // versions, the commonest first
};

class NodeTable {
 public:
  virtual ~NodeTable() = default;
  virtual absl::StatusOr<NodeRow> Find(absl::string_view name, absl::string_view daemon) const = 0;
  // Inserts or replaces.
  virtual absl::Status Put(const NodeRow& row) = 0;
  // By (name, daemon), strictly after the given pair.
  virtual absl::StatusOr<std::vector<NodeRow>> List(absl::string_view after_name, absl::string_view after_daemon,
                                                    int limit) const = 0;
  virtual absl::StatusOr<NodeCounts> Count(absl::Time now) const = 0;
  // `generation`: the newest bundle's. At most `versions` of by_adapter. Walks every node: for a thread with time.
  virtual absl::StatusOr<NodeTallies> CountKinds(absl::Time now, uint64_t generation, int versions) const = 0;
  // The highest bundle generation that any of them reported, on disk or loaded; 0 when there is none.
  virtual absl::StatusOr<uint64_t> HighestGeneration() const = 0;

  virtual absl::StatusOr<IdentityRow> FindIdentity(absl::string_view key_id) const = 0;
  virtual absl::Status InsertIdentity(const IdentityRow& row) = 0;
  // Ends every live identity of a node, of one daemon or, when `daemon` is empty, of all; the number that changed.
  virtual absl::StatusOr<int64_t> EndIdentities(absl::string_view node, absl::string_view daemon, absl::Time when,
                                                EndedBy by) = 0;
  // The newest identity that this pod owns or owned; NOT_FOUND when there is none.
  virtual absl::StatusOr<IdentityRow> FindIdentityOfPod(absl::string_view pod_uid) const = 0;
  // The identities that a token admitted, oldest first.
  virtual absl::StatusOr<std::vector<IdentityRow>> ListIdentitiesOfToken(absl::string_view token_id,
                                                                         int limit) const = 0;
  // Takes every daemon of a node out of the ledger; the number of rows that were there. Identities stay.
  virtual absl::StatusOr<int64_t> Forget(absl::string_view name) = 0;
  // Identities of (node, daemon) admitted at or after `since`; the epoch counts all.
  virtual absl::StatusOr<int64_t> CountIdentities(absl::string_view node, absl::string_view daemon,
                                                  absl::Time since) const = 0;
};

struct TokenQuery {
  std::string node;       // empty: all
  bool open_only = true;  // unrevoked, unexpired at `now`, and (single use) unused
  absl::Time now;
  std::string label;  // empty: all
  int kind = 0;       // evidence::TokenKind; 0: all
  std::string after_token;
  int limit = 100;
};
struct TokenPage {
  std::vector<TokenRow> rows;  // by node, then newest first
  std::string next_token;
};

// A token is in one of these states. kExpiring: open, and ends before the time asked about.
enum class TokenState { kLive = 1, kExpiring = 2, kSpent = 3, kExpired = 4, kRevoked = 5 };
struct TokenTally {
  int kind = 0;  // evidence::TokenKind
  TokenState state = TokenState::kLive;
  int64_t count = 0;
};

class TokenTable {
 public:
  virtual ~TokenTable() = default;
  virtual absl::Status Insert(const TokenRow& row) = 0;
  virtual absl::StatusOr<TokenRow> Find(absl::string_view id) const = 0;
  virtual absl::Status Update(const TokenRow& row) = 0;
  virtual absl::StatusOr<TokenPage> List(const TokenQuery& query) const = 0;
  virtual absl::StatusOr<int64_t> CountOpen(absl::Time now) const = 0;
  // All tokens, expired ones too. Walks every token: for a thread with time.
  virtual absl::StatusOr<std::vector<TokenTally>> CountStates(absl::Time now, absl::Time expiring_before) const = 0;
  // Revokes the open tokens of a node; their number.
  virtual absl::StatusOr<int64_t> RevokeOfNode(absl::string_view node, absl::Time now) = 0;
  // Revokes the open tokens with this label, which must not be empty; their number.
  virtual absl::StatusOr<int64_t> RevokeOfLabel(absl::string_view label, absl::Time now) = 0;
};

class BlockTable {
 public:
  virtual ~BlockTable() = default;
  virtual absl::StatusOr<BlockRow> Find(absl::string_view node) const = 0;
  // How many names are blocked.
  virtual absl::StatusOr<int64_t> Count() const = 0;
  // ALREADY_EXISTS when the name is blocked.
  virtual absl::Status Insert(const BlockRow& row) = 0;
  // True when the name was blocked.
  virtual absl::StatusOr<bool> Delete(absl::string_view node) = 0;
};

class ApprovalTable {
 public:
  virtual ~ApprovalTable() = default;
  virtual absl::StatusOr<ApprovalRow> Find(absl::string_view key_id) const = 0;
  // Those of a node, newest first.
  virtual absl::StatusOr<std::vector<ApprovalRow>> List(absl::string_view node) const = 0;
  // Inserts or replaces, by key id.
  virtual absl::Status Put(const ApprovalRow& row) = 0;
  // True when it was there.
  virtual absl::StatusOr<bool> Delete(absl::string_view key_id) = 0;
  // Deletes those of a node; their number.
  virtual absl::StatusOr<int64_t> DeleteOfNode(absl::string_view node) = 0;
};

// How many refusals are kept of a node, each of those that were proven and those that anybody could have sent.
inline constexpr int kRefusalsKept = 4;
// How many are kept in all of those that anybody could have sent: names cost nothing.
inline constexpr int kUnprovenRefusalsKept = 10000;

class RefusalTable {
 public:
  virtual ~RefusalTable() = default;
  // Inserts, and deletes the oldest beyond the bounds above.
  virtual absl::Status Insert(const RefusalRow& row) = 0;
  // Newest first.
  virtual absl::StatusOr<std::vector<RefusalRow>> List(absl::string_view node) const = 0;
};

class ProvisionerTable {
 public:
  virtual ~ProvisionerTable() = default;
  virtual absl::StatusOr<ProvisionerRow> Find(absl::string_view name) const = 0;
  // By name.
  virtual absl::StatusOr<std::vector<ProvisionerRow>> List() const = 0;
  // Inserts or replaces, by name.
  virtual absl::Status Put(const ProvisionerRow& row) = 0;
};

class AuditTable {
 public:
  virtual ~AuditTable() = default;
  // NOT_FOUND when empty.
  virtual absl::StatusOr<AuditRow> Last() const = 0;
  virtual absl::Status Append(const AuditRow& row) = 0;
  virtual absl::StatusOr<std::vector<AuditRow>> List(uint64_t after_sequence, int limit) const = 0;
  virtual absl::StatusOr<CheckpointRow> LastCheckpoint() const = 0;
  virtual absl::Status AppendCheckpoint(const CheckpointRow& row) = 0;
  virtual absl::StatusOr<std::vector<CheckpointRow>> ListCheckpoints(uint64_t after_sequence, int limit) const = 0;
};

// Every table of one transaction or snapshot.
class Tables {
 public:
  virtual ~Tables() = default;
  virtual AuthorityTable& authorities() = 0;
  virtual SightingTable& sightings() = 0;
  virtual BundleTable& bundles() = 0;
  virtual CertificateTable& certificates() = 0;
  virtual NodeTable& nodes() = 0;
  virtual TokenTable& tokens() = 0;
  virtual BlockTable& blocks() = 0;
  virtual ApprovalTable& approvals() = 0;
  virtual RefusalTable& refusals() = 0;
  virtual ProvisionerTable& provisioners() = 0;
  virtual AuditTable& audit() = 0;
  const AuthorityTable& authorities() const { return const_cast<Tables*>(this)->authorities(); }
  const SightingTable& sightings() const { return const_cast<Tables*>(this)->sightings(); }
  const BundleTable& bundles() const { return const_cast<Tables*>(this)->bundles(); }
  const CertificateTable& certificates() const { return const_cast<Tables*>(this)->certificates(); }
  const NodeTable& nodes() const { return const_cast<Tables*>(this)->nodes(); }
  const TokenTable& tokens() const { return const_cast<Tables*>(this)->tokens(); }
  const BlockTable& blocks() const { return const_cast<Tables*>(this)->blocks(); }
  const ApprovalTable& approvals() const { return const_cast<Tables*>(this)->approvals(); }
  const RefusalTable& refusals() const { return const_cast<Tables*>(this)->refusals(); }
  const ProvisionerTable& provisioners() const { return const_cast<Tables*>(this)->provisioners(); }
  const AuditTable& audit() const { return const_cast<Tables*>(this)->audit(); }
};

}  // namespace signet::store

#endif  // SIGNET_SERVICES_STORE_TABLES_H_
