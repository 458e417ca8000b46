// The steps of an authority's life. Each is one transaction: state, trust bundle, cross certificate and audit record
// change together or not at all, so that a crash leaves the step before or the step after, and nothing between.
#ifndef SIGNET_SERVICES_AUTHORITY_ROTATION_H_
#define SIGNET_SERVICES_AUTHORITY_ROTATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/audit/audit_log.h"
#include "services/authority/authorities.h"
#include "services/authority/gates.h"
#include "services/base/clock.h"
#include "services/base/random.h"
#include "services/base/secret_bytes.h"
#include "services/keys/custody.h"
#include "services/store/store.h"

namespace signet::authority {

enum class Verb { kActivate = 1, kRollback = 2, kWithdraw = 3, kRevoke = 4, kDestroy = 5 };

// What a step does, or would do.
struct Plan {
  std::vector<std::string> steps;  // a sentence each, in order
  std::vector<Blocker> blockers;   // empty: the gate is open
  uint64_t bundle_generation = 0;  // afterwards
};

struct PrepareRequest {
  std::string subject;                             // RFC 4514; empty: the active one's with a number behind its CN
  absl::Duration lifetime = absl::ZeroDuration();  // zero: RotationRules::lifetime
  bool dry_run = false;
};
struct SubordinateRequest {
  std::string subject;  // RFC 4514
  bool dry_run = false;
};
struct ChainImport {
  std::string chain_pem;  // the authority's certificate, then the intermediate ones, the self-signed root last
  bool dry_run = false;
};
struct KeyImport {
  std::string certificate_pem;  // one self-signed CA certificate
  base::SecretBytes key_pem;    // its key: see keys::PrivateKey::FromPem
  bool dry_run = false;
};
struct ChangeRequest {
  std::string authority_id;  // hex, or at least 8 digits that begin one id only; for kWithdraw also a request's
  Verb verb = Verb::kActivate;
  bool dry_run = false;
  std::string force_reason;  // not empty: a closed gate opens, and the reason is audited
};
struct StolenRequest {
  std::string authority_id;
  std::string confirm_subject;  // must be the stolen authority's subject
  std::string reason;           // required
  bool dry_run = false;
};

struct Changed {
  std::string authority_id;  // empty: a dry run of prepare
  Plan plan;
  bool changed = false;          // false: it stood so already, or a dry run
  bool dropped_request = false;  // authority_id was a request's, and is no authority
};
struct Requested {
  std::optional<store::AuthorityRequestRow> request;  // nullopt: a dry run that would make one
  Plan plan;
  bool changed = false;  // false: it was there already, or a dry run
};
struct Imported {
  Authority authority;  // as it stands, or, at a dry run, would stand
  Plan plan;
  bool changed = false;  // false: it stood so already, or a dry run
};
struct Replacement {
  std::string active_id;                 // the one that signs now
  std::vector<std::string> revoked_ids;  // the stolen one and every signer of a live cross for it
  Plan plan;
};

// kSpreading: a prepared root is not known to be loaded everywhere, waits to be activated, or has to be withdrawn; or a
// stolen one is not known to have left every host.
enum class Step { kIdle = 1, kSpreading = 2, kHolding = 3 };
struct Standing {
  Step step = Step::kIdle;
  std::string authority_id;  // the one that the next step is about; empty when idle
  absl::Time since = absl::InfinitePast();
  std::string summary;
  std::vector<Blocker> blockers;
  std::string next;
  uint64_t bundle_generation = 0;
  uint64_t highest_generation_seen = 0;
  // Until when Prepare finds room for the cross certificate that the active one has to sign; InfiniteFuture without an
  // active one.
  absl::Time prepare_by = absl::InfiniteFuture();
  // When prepare_by is less than kPrepareWarning away and nothing is prepared, or else a cross certificate ends within
  // that time, or within half of its life, that somebody may need: by an imported authority for which kUnlisted was not
  // acknowledged, or by another for the active one, whose root not everybody is known to have loaded; else empty.
  std::string warning;
  std::string warning_next;  // what to type about it
};
inline constexpr absl::Duration kPrepareWarning = absl::Hours(24 * 90);

// What the configuration says about rotations.
struct RotationRules {
  absl::Duration hold = absl::Hours(24 * 14);            // after a rotation, or the longest walltime
  absl::Duration longest_leaf = absl::Hours(24 * 90);    // of the profiles node and service
  absl::Duration lifetime = absl::Hours(24 * 365 * 10);  // of a new root
};

struct Draft;
struct Ground;

// Thread-safe; two at once: one wins, the other is ABORTED and finds the new state when repeated. References must
// outlive this.
class Rotation {
 public:
  struct Parts {
    store::Store& store;
    keys::Custody& custody;
    Authorities& authorities;
    const audit::AuditLog& audit;
    base::Clock& clock;
    base::Random& random;
  };
  Rotation(std::string cluster, const RotationRules& rules, const Parts& parts);

  // A new PREPARED root of purpose Slurm, in the next bundle generation. FAILED_PRECONDITION when two are prepared,
  // when there is no active one, or when the cross certificate that activation will make would outlive the active one;
  // INVALID_ARGUMENT for a subject that another authority has. Audited as "authority.prepare".
  absl::StatusOr<Changed> Prepare(const PrepareRequest& request, const audit::Origin& origin);

  // The key of a subordinate authority, in custody, and its PKCS#10 (keys::SignAuthorityRequestPem), both durable when
  // this returns; asked for the same subject again, the same request. INVALID_ARGUMENT for a subject that is no name or
  // that another authority has, FAILED_PRECONDITION when four requests are open. Audited as "authority.request".
  absl::StatusOr<Requested> RequestSubordinate(const SubordinateRequest& request, const audit::Origin& origin);

  // Turns the request whose key the chain's first certificate has into a PREPARED authority; its root is in the next
  // bundle generation, unless it is an anchor already. Judged is all that would refuse a leaf, or the rotation to it
  // and from it, later: see CheckChain; besides, two that are prepared, no room for the cross certificate, a path
  // length of the active one that forbids it (none of the three where both hang below one root), a root whose name
  // another authority has, a root or an intermediate one whose key left the bundle. What is only in the way of its
  // *successor* is said in the plan. INVALID_ARGUMENT, FAILED_PRECONDITION. Audited as "authority.import".
  absl::StatusOr<Imported> ImportSubordinate(const ChainImport& request, const audit::Origin& origin);

  // Takes over a running CA with its key: a RETIRED authority, its root in the next bundle generation, and, in the same
  // transaction, its cross certificate for the anchor of the active one, so that who trusts only the imported CA
  // accepts our leaves. It signs nothing else here. One that was imported without its key gets it. FAILED_PRECONDITION
  // when another already vouches for the active one (chains are one line: decision 12), or when CheckMayVouch forbids
  // it; INVALID_ARGUMENT as ImportAnchor, and when the key is another one's. Audited as "authority.import".
  absl::StatusOr<Imported> ImportWithKey(const KeyImport& request, const audit::Origin& origin);

  // Takes one step; one that was taken already changes nothing. A dry run past a closed gate is OK and lists the
  // blockers. FAILED_PRECONDITION when it is illegal in this state
  // (says which is legal); with GATE_CLOSED, and `plan` filled, when a gate is closed. Activation makes the cross
  // certificate by which the former authority vouches for the new one. A destroyed key leaves no copy in the store's
  // files (see Store::Scrub); where that failed, the plan's last step says so, and destroying it again tries again.
  // Audited as "authority.activate" and so on, with the reason when forced.
  absl::StatusOr<Changed> Change(const ChangeRequest& request, const audit::Origin& origin, Plan* plan);

  // The stolen authority, whoever has a key above itself in common with it, and every signer of a live cross
  // certificate for one of these become REVOKED and leave the bundle, whatever state the stolen one is in. Where one of
  // them was ACTIVE, a new root without a cross certificate takes its place; a prepared one is not promoted, since its
  // key lay beside the stolen one. Nodes' identity keys stay valid. Repeated, it revokes nobody and makes nothing; of
  // one that left the bundle before for another reason, it is known as stolen from then on (see Stand).
  // INVALID_ARGUMENT when confirm_subject is not its subject. Audited as "authority.emergency".
  absl::StatusOr<Replacement> ReplaceStolen(const StolenRequest& request, const audit::Origin& origin);

  // Where the rotation stands.
  absl::StatusOr<Standing> Stand() const;

  // A new bundle generation above `at_least` and above every generation that any host reported; the generation, and
  // whether it changed. FAILED_PRECONDITION when `at_least` is more than 1000000 above the newest: a slip of the hand
  // that nothing could undo; and, without `force`, when it would change anything: a host that is not blocked reported a
  // bundle that this server did not make and that is not below the newest, or `at_least`, which is not below it either,
  // was seen on one, and roots that only that one holds would leave every host. Audited as "bundle.recover".
  struct Recovered {
    uint64_t generation = 0;
    bool changed = false;
  };
  absl::StatusOr<Recovered> RecoverBundle(uint64_t at_least, bool dry_run, bool force, const audit::Origin& origin);

  // The id that `text` means: all of it, or at least 8 hexadecimal digits that begin one authority's id only, or, with
  // `requests`, one request's.
  // NOT_FOUND, INVALID_ARGUMENT.
  absl::StatusOr<std::string> FindId(absl::string_view text, bool requests = false) const;

 private:
  // Everything that `verb` stores, the audit record's origin and message aside. Signs.
  absl::StatusOr<Draft> DraftOf(Verb verb, const store::AuthorityRow& row, const Ground& ground, absl::Time now) const;
  // A step with a request instead of an authority: it can be withdrawn.
  absl::StatusOr<Changed> ChangeRequested(const ChangeRequest& request, const std::string& id, const Ground& ground,
                                          const audit::Origin& origin);
  // Stores `draft` in one transaction; ABORTED when the tables are no longer what `ground` says.
  absl::Status Commit(const Draft& draft, const Ground& ground) const;
  // After a commit: an error says that the step was taken all the same.
  absl::Status ReloadAfter(absl::string_view done) const;

  std::string cluster_;
  RotationRules rules_;
  Parts parts_;
};

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_ROTATION_H_
