// The three scripts that run on a node: they share one pending request.
#ifndef SIGNET_ADAPTERS_SLURM_ENROLMENT_H_
#define SIGNET_ADAPTERS_SLURM_ENROLMENT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/process.h"
#include "adapters/slurm/token_search.h"
#include "services/base/clock.h"
#include "services/base/secret_bytes.h"

namespace signet::slurm {

// `name` is Slurm's $1. References must outlive this.
class Enrolment {
 public:
  Enrolment(const Config& config, const Host& host, const base::Clock& clock, const Deadline& deadline)
      : config_(config), host_(host), clock_(clock), deadline_(deadline) {}

  // What get_node_token prints: the pending request's statement as "signet1.…", without a newline. Slurm runs it at a
  // full enrolment alone, so here, and nowhere else, a token file that the identity key was not made for brings a new
  // identity key. Where nothing can vouch for this node, it leaves an identity key that can be approved, and fails.
  absl::StatusOr<std::string> NodeToken(absl::string_view name);
  // What generate_csr prints: a CSR of the pending request's key with the same statement inside.
  absl::StatusOr<std::string> Csr(absl::string_view name);
  // What get_node_cert_key prints: the pending request's key, or the last one that was printed.
  absl::StatusOr<base::SecretBytes> CertKey(absl::string_view name);

  // The node that `name` means: a valid one itself; for an empty or garbled one (sackd at renewal) the only node that
  // this user enrolled, else the host's name.
  absl::StatusOr<std::string> NodeFor(absl::string_view name) const;

 private:
  // The pending request, remade when it would no longer be believed; its TLS key stays until it is printed, since the
  // daemon may hold a CSR of it.
  absl::StatusOr<Request> Pending(const std::string& node, bool renewal);
  // Makes, keeps or changes the identity key at a full enrolment.
  absl::Status ChooseIdentity(NodeState& state, const TokenSearch& search) const;
  absl::StatusOr<Request> CurrentRequest(NodeState& state, const std::string& node, const TokenSearch& search,
                                         bool renewal);
  // At a renewal the identity key whose request was answered last is the one to ask with, whatever a full enrolment
  // that led nowhere has left.
  absl::Status KeepAnsweredIdentity(NodeState& state) const;
  // The pod's token where it is needed as evidence; empty otherwise.
  absl::StatusOr<std::string> PodTokenFor(const Identity& identity, const std::optional<Request>& printed,
                                          const std::optional<Request>& pending, bool renewal) const;
  // True when `pending` belongs to a full enrolment that this process of the daemon is in the middle of.
  bool IsEnrolling(const std::optional<Request>& pending) const;
  // True when another process of the daemon has asked with this identity key at a full enrolment, and got no answer.
  bool WasInVain(const Identity& identity, const std::optional<Request>& pending) const;
  // `token` is the one that signs.
  absl::StatusOr<std::string> ClusterFrom(const FoundToken* token, const std::optional<Request>& printed,
                                          const std::optional<Request>& pending) const;
  absl::StatusOr<NodeState> OpenState(const std::string& node) const;

  const Config& config_;
  const Host& host_;
  const base::Clock& clock_;
  const Deadline& deadline_;
};

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_ENROLMENT_H_
