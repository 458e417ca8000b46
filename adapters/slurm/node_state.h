// What one user's daemon remembers about one node: <state_dir>/<uid>/<node>/, 0700. A kill at any point leaves a usable
// state.
//
//   identity  the identity key, kept, and the one before it (see identity_file.h)
//   pending   the request whose key was not handed out yet
//   printed   the last request whose key was
//   seq       the last sequence number used
//   host      the machine that all this belongs to: a cloned image starts over
#ifndef SIGNET_ADAPTERS_SLURM_NODE_STATE_H_
#define SIGNET_ADAPTERS_SLURM_NODE_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/identity_file.h"
#include "adapters/slurm/request.h"
#include "services/files/lock.h"

namespace signet::slurm {

// The nodes that this user's daemons enrolled here, in no order.
std::vector<std::string> KnownNodes(const std::string& state_dir, uid_t uid);

// <state_dir>/<uid>, 0700, and the parents that are missing, 0755; FAILED_PRECONDITION with what to type when another
// user was there first.
absl::Status MakeUserDirectory(const std::string& state_dir, uid_t uid);

// One node's state, locked against every other process while this lives.
class NodeState {
 public:
  // Waits for the lock at most `timeout`. `node` must have passed names::CheckNodeName. State that belongs to another
  // machine, or whose identity key cannot be parsed, is moved aside as ".<node>.aside" (the newest one is kept) and an
  // empty one takes its place.
  static absl::StatusOr<NodeState> Open(const std::string& state_dir, const Host& host, absl::string_view node,
                                        absl::Duration timeout);

  // The identity key in use; nullopt before CreateIdentity.
  const std::optional<Identity>& identity() const { return identity_; }
  // The one that was in use before: it is kept for as long as nobody knows whether the server admits the newer one.
  const std::optional<Identity>& other_identity() const { return other_; }
  // A fresh key for the token with this id (hex; empty: for none). Beside it stays the key whose request was answered
  // last, else the one in use.
  absl::Status CreateIdentity(const std::string& token_id);
  // The two change places. FAILED_PRECONDITION when there is one.
  absl::Status UseOtherIdentity();
  // A request that does not parse counts as none: another one takes its place.
  std::optional<Request> pending() const { return ReadRequest("pending"); }
  std::optional<Request> printed() const { return ReadRequest("printed"); }
  // True when a pending request is there, readable or not.
  bool HasPending() const;
  absl::Status KeepPending(const Request& request);
  // pending becomes printed: Slurm asks for the key once its request was answered. When that admitted the identity in
  // use in place of the other one, the other one goes: the server would take it for a copy of this node.
  absl::Status MarkPrinted();
  // max(last + 1, Unix milliseconds), durable before it is returned.
  absl::StatusOr<uint64_t> NextSeq(absl::Time now);

 private:
  NodeState(std::string directory, files::FileLock lock) : directory_(std::move(directory)), lock_(std::move(lock)) {}
  absl::Status Load(const Host& host);
  absl::Status StartOver();
  void DropSupersededIdentity();
  absl::Status KeepIdentities(Identity in_use, std::optional<Identity> other);
  std::optional<Request> ReadRequest(absl::string_view name) const;
  std::string Path(absl::string_view name) const;

  std::string directory_;
  files::FileLock lock_;
  std::optional<Identity> identity_;
  std::optional<Identity> other_;
};

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_NODE_STATE_H_
