// The steps of an authority's life. Each is one transaction: state, trust bundle, cross certificate and audit record
// change together or not at all, so that a crash leaves the step before or the step after, and nothing between.
#ifndef SIGNET_SERVICES_AUTHORITY_ROTATION_H_
#define SIGNET_SERVICES_AUTHORITY_ROTATION_H_

#include <cstdint>
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
struct ChangeRequest {
  std::string authority_id;  // hex, or at least 8 digits that begin one id only
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
  bool changed = false;  // false: it stood so already, or a dry run
};
struct Replacement {
  std::string active_id;                 // the one that signs now
  std::vector<std::string> revoked_ids;  // the stolen one and every signer of a live cross for it
  Plan plan;
};

// kSpreading: a prepared root, or the one that took a stolen one's place, is not known to be loaded everywhere, or
// waits to be activated.
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
};

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

  // Takes one step; one that was taken already changes nothing. A dry run past a closed gate is OK and lists the
  // blockers. FAILED_PRECONDITION when it is illegal in this state
  // (says which is legal); with GATE_CLOSED, and `plan` filled, when a gate is closed. Activation makes the cross
  // certificate by which the former authority vouches for the new one. A destroyed key leaves no copy in the store's
  // files (see Store::Scrub); where that failed, the plan's last step says so, and destroying it again tries again.
  // Audited as "authority.activate" and so on, with the reason when forced.
  absl::StatusOr<Changed> Change(const ChangeRequest& request, const audit::Origin& origin, Plan* plan);

  // The stolen authority, whoever shares its anchor, and every signer of a live cross certificate for one of these
  // become REVOKED and leave the bundle, whatever state the stolen one is in. Where one of them was ACTIVE, a new root
  // without a cross certificate takes its place; a prepared one is not promoted, since its key lay beside the stolen
  // one. Nodes' identity keys stay valid. Repeated, it revokes nobody and makes nothing. INVALID_ARGUMENT when
  // confirm_subject is not its subject. Audited as "authority.emergency".
  absl::StatusOr<Replacement> ReplaceStolen(const StolenRequest& request, const audit::Origin& origin);

  // Where the rotation stands.
  absl::StatusOr<Standing> Stand() const;

  // A new bundle generation above `at_least` and above every generation that any host reported; the generation, and
  // whether it changed. FAILED_PRECONDITION when `at_least` is more than 1000000 above the newest: a slip of the hand
  // that nothing could undo; and, without `force`, when a host that is not blocked
  // reported a bundle that this server did not make and that is not below the newest: roots that only that one holds
  // would leave every host. Audited as "bundle.recover".
  struct Recovered {
    uint64_t generation = 0;
    bool changed = false;
  };
  absl::StatusOr<Recovered> RecoverBundle(uint64_t at_least, bool dry_run, bool force, const audit::Origin& origin);

  // The id that `text` means: all of it, or at least 8 hexadecimal digits that begin one authority's id only.
  // NOT_FOUND, INVALID_ARGUMENT.
  absl::StatusOr<std::string> FindId(absl::string_view text) const;

 private:
  // Everything that `verb` stores, the audit record's origin and message aside. Signs.
  absl::StatusOr<Draft> DraftOf(Verb verb, const store::AuthorityRow& row, const Ground& ground, absl::Time now) const;
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
