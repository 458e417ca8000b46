#include "adapters/slurm/enrolment.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adapters/slurm/pod_token.h"
#include "adapters/slurm/refresh.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/writer.h"
#include "services/evidence/statement.h"
#include "services/files/file.h"
#include "services/keys/request_signing.h"
#include "services/names/node_name.h"
#include "services/x509/certificate_request.h"

namespace signet::slurm {
namespace {

// Slurm sends one CSR again and again while slurmctld is away: what is nearly over is not worth starting with.
constexpr absl::Duration kLeastLife = absl::Hours(24);
// Between get-node-token and generate-csr of one enrolment; Slurm gives each 5 s.
constexpr absl::Duration kOneEnrolment = absl::Minutes(1);
// What another script of the same node may hold the lock for: some fsyncs.
constexpr absl::Duration kLockTime = absl::Seconds(2);

// `key_id` is that of an identity key that can be approved; empty when there is none.
absl::Status NoEvidence(const std::string& node, const std::string& daemon, const TokenSearch& search,
                        absl::string_view key_id = "") {
  const absl::string_view option = daemon == "slurmd" ? "" : " --daemon sackd";
  const std::string approve =
      key_id.empty() ? ""
                     : absl::StrCat(", or approve this host: signetctl node approve ", node, " --key ", key_id, option);
  return base::Refusal(
      absl::StatusCode::kPermissionDenied, base::kEvidenceMissing,
      absl::StrCat("no token for node ", node, " (", daemon, ") and no ", key_id.empty() ? "" : "admitted ",
                   "identity key yet; tried ",
                   search.refused.empty() ? "nothing: token_files is empty" : absl::StrJoin(search.refused, ", ")),
      absl::StrCat("on the server: signetctl token create ", node, option,
                   " --out-dir DIR, then copy the file to this host", approve));
}

// Which bundle the daemon has loaded is known only when the same process has renewed before with the same file: it
// loads the file after generate-csr ran, at a renewal but not at an enrolment.
evidence::BundleSighting Loaded(const std::optional<Request>& printed, const Host& host,
                                const evidence::BundleSighting& on_disk) {
  const bool same_process = printed.has_value() && printed->renewal && !host.parent.empty() &&
                            printed->parent == host.parent && printed->facts.boot_id == host.boot_id;
  if (!same_process || on_disk.sha256.empty() || printed->facts.bundle_on_disk.sha256 != on_disk.sha256) return {};
  return on_disk;
}

// True when `pending` says what a statement made now would say, and will be believed for long enough.
bool StillSays(const evidence::Statement& pending, const evidence::Statement& now) {
  return pending.issued_at <= now.issued_at + evidence::kClockSkew &&
         pending.expires_at - now.issued_at >= kLeastLife && pending.cluster == now.cluster &&
         pending.node == now.node && pending.daemon == now.daemon && pending.boot_id == now.boot_id &&
         pending.key_id == now.key_id && pending.bundle_on_disk.sha256 == now.bundle_on_disk.sha256 &&
         (now.token_id.empty() || pending.token_id == now.token_id) && pending.kubernetes_token == now.kubernetes_token;
}

}  // namespace

absl::StatusOr<std::string> Enrolment::NodeFor(absl::string_view name) const {
  if (names::CheckNodeName(name).ok()) return std::string(name);
  const std::vector<std::string> known = KnownNodes(config_.state_dir, host_.uid);
  if (known.size() == 1) return known.front();
  if (names::CheckNodeName(host_.name).ok()) return host_.name;
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kNameRefused,
                       "$1 is not a node name, and neither is this host's name", "hostnamectl");
}

absl::StatusOr<std::string> Enrolment::NodeToken(absl::string_view name) {
  SIGNET_ASSIGN_OR_RETURN(const std::string node, NodeFor(name));
  SIGNET_ASSIGN_OR_RETURN(const Request request, Pending(node, /*renewal=*/false));
  return evidence::EncodeScriptToken(request.statement);
}

absl::StatusOr<std::string> Enrolment::Csr(absl::string_view name) {
  SIGNET_ASSIGN_OR_RETURN(const std::string node, NodeFor(name));
  SIGNET_ASSIGN_OR_RETURN(const Request request, Pending(node, /*renewal=*/true));
  SIGNET_ASSIGN_OR_RETURN(std::string pem, keys::SignRequestPem(request.tls_key, node, request.statement));
  // Nothing leaves unread: the server refuses what this refuses.
  SIGNET_RETURN_IF_ERROR(x509::CertificateRequest::FromPem(pem).status());
  return pem;
}

absl::StatusOr<base::SecretBytes> Enrolment::CertKey(absl::string_view name) {
  SIGNET_ASSIGN_OR_RETURN(const std::string node, NodeFor(name));
  SIGNET_ASSIGN_OR_RETURN(NodeState state, OpenState(node));
  if (const std::optional<Request> pending = state.pending(); pending.has_value()) {
    // First, so that a kill in between prints the same key at the next call.
    SIGNET_RETURN_IF_ERROR(state.MarkPrinted());
    return pending->tls_key.ToPem();
  }
  // Then the certificate that Slurm holds may be for that key: another one beside it crashes s2n.
  if (state.HasPending()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("the request that ", node, " made last cannot be read back"),
                         absl::StrCat("ls -l ", config_.state_dir, "/", host_.uid, "/", node,
                                      "   # its files must be 0600; the next request replaces it"));
  }
  if (const std::optional<Request> printed = state.printed(); printed.has_value()) return printed->tls_key.ToPem();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kNotFound,
                       absl::StrCat("no key was made for node ", node),
                       absl::StrCat("systemctl restart ", host_.daemon, "   # runs generate-csr first"));
}

absl::StatusOr<NodeState> Enrolment::OpenState(const std::string& node) const {
  return NodeState::Open(config_.state_dir, host_, node, std::min(kLockTime, deadline_.left()));
}

absl::StatusOr<Request> Enrolment::Pending(const std::string& node, bool renewal) {
  const TokenSearch search = FindToken(config_, node, host_.daemon);
  const std::string identity = absl::StrCat(config_.state_dir, "/", host_.uid, "/", node, "/identity");
  const bool unknown = !search.token.has_value() && !files::Exists(identity);
  // Before a directory is made: sackd's garbled $1 at a renewal, if it happens to be a name, must leave nothing behind.
  if (unknown && renewal) return NoEvidence(node, host_.daemon, search);
  if (unknown && !files::Exists(config_.kubernetes_token_file)) {
    absl::StatusOr<NodeState> state = OpenState(node);
    if (!state.ok() || !state->CreateIdentity("").ok()) return NoEvidence(node, host_.daemon, search);
    return NoEvidence(node, host_.daemon, search, state->identity()->key.public_key().key_id());
  }
  SIGNET_ASSIGN_OR_RETURN(NodeState state, OpenState(node));
  if (!renewal || !state.identity().has_value()) {
    SIGNET_RETURN_IF_ERROR(ChooseIdentity(state, search));
  } else {
    SIGNET_RETURN_IF_ERROR(KeepAnsweredIdentity(state));
  }
  return CurrentRequest(state, node, search, renewal);
}

bool Enrolment::IsEnrolling(const std::optional<Request>& pending) const {
  if (!pending.has_value() || pending->renewal) return false;
  // A site's wrapper around the scripts gives each call a parent of its own.
  const absl::Duration age = clock_.Now() - pending->facts.issued_at;
  return pending->parent == host_.parent || (age >= absl::ZeroDuration() && age <= kOneEnrolment);
}

bool Enrolment::WasInVain(const Identity& identity, const std::optional<Request>& pending) const {
  return pending.has_value() && !pending->renewal && pending->facts.key_id == identity.key.public_key().key_id() &&
         pending->parent != host_.parent;
}

absl::Status Enrolment::ChooseIdentity(NodeState& state, const TokenSearch& search) const {
  const std::string token_id = search.token.has_value() ? search.token->id : "";
  if (!state.identity().has_value()) return state.CreateIdentity(token_id);
  const std::optional<Identity>& other = state.other_identity();
  const bool token_has_its_key =
      state.identity()->token_id == token_id || (other.has_value() && other->token_id == token_id);
  if (!token_id.empty() && !token_has_its_key) return state.CreateIdentity(token_id);
  // A token that expired unused, or was meant for other use, must not cost the node an identity that is still good; nor
  // must an ended identity keep it from a good token. The daemon never learns why it was refused: so take turns.
  if (other.has_value() && WasInVain(*state.identity(), state.pending())) return state.UseOtherIdentity();
  return absl::OkStatus();
}

absl::Status Enrolment::KeepAnsweredIdentity(NodeState& state) const {
  const std::optional<Identity>& other = state.other_identity();
  if (!other.has_value() || IsEnrolling(state.pending())) return absl::OkStatus();
  const std::optional<Request> printed = state.printed();
  if (!printed.has_value() || printed->facts.key_id != other->key.public_key().key_id()) return absl::OkStatus();
  return state.UseOtherIdentity();
}

absl::StatusOr<std::string> Enrolment::PodTokenFor(const Identity& identity, const std::optional<Request>& printed,
                                                   const std::optional<Request>& pending, bool renewal) const {
  if (renewal && IsEnrolling(pending)) return pending->facts.kubernetes_token;
  const bool admitted = printed.has_value() && printed->facts.key_id == identity.key.public_key().key_id();
  // Everybody on the controller can read it there: it travels only while nothing else proves who this is. A server that
  // was restored from a backup may have forgotten the key.
  if (admitted && (renewal || !WasInVain(identity, pending))) return std::string();
  const absl::StatusOr<base::SecretBytes> token = ReadPodToken(config_.kubernetes_token_file);
  if (token.ok()) return std::string(token->ExposeSecret());
  if (admitted || absl::IsNotFound(token.status())) return std::string();
  return token.status();
}

absl::StatusOr<std::string> Enrolment::ClusterFrom(const FoundToken* token, const std::optional<Request>& printed,
                                                   const std::optional<Request>& pending) const {
  if (!config_.cluster.empty()) return config_.cluster;
  if (token != nullptr) return token->cluster;
  if (printed.has_value()) return printed->facts.cluster;
  if (pending.has_value()) return pending->facts.cluster;
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       "the cluster's name is not known: no token file for this node tells it",
                       absl::StrCat("put the node's token in place, or set cluster in ", ConfigPath()));
}

absl::StatusOr<Request> Enrolment::CurrentRequest(NodeState& state, const std::string& node, const TokenSearch& search,
                                                  bool renewal) {
  const std::optional<Request> pending = state.pending();
  const std::optional<Request> printed = state.printed();
  const Identity& identity = *state.identity();
  // Another token would be spent on a key that it was not made for.
  const FoundToken* const token =
      search.token.has_value() && search.token->id == identity.token_id ? &*search.token : nullptr;
  evidence::Statement facts;
  SIGNET_ASSIGN_OR_RETURN(facts.cluster, ClusterFrom(token, printed, pending));
  if (token == nullptr) {
    SIGNET_ASSIGN_OR_RETURN(facts.kubernetes_token, PodTokenFor(identity, printed, pending, renewal));
  }
  // A statement tells which bundle lies on disk: bring that up to date first. Enrolment neither waits for it nor fails
  // with it.
  if (host_.uid == 0) {
    RefreshFromFiles(config_, facts.cluster, search.token.has_value() ? search.token->bundle_pin : "", clock_.Now())
        .IgnoreError();
  }
  const bundle::OnDisk on_disk = bundle::Observe(config_.ca_cert_file);
  const absl::Time now = clock_.Now();
  facts.key_id = identity.key.public_key().key_id();
  facts.node = node;
  facts.daemon = host_.daemon;
  facts.issued_at = absl::FromUnixMillis(absl::ToUnixMillis(now));
  facts.expires_at = facts.issued_at + evidence::kStatementLifetime;
  facts.boot_id = host_.boot_id;
  facts.identity_spki_der = identity.key.public_key().spki_der();
  if (token != nullptr) facts.token_id = token->id;
  facts.bundle_on_disk = {on_disk.generation, on_disk.sha256};
  facts.bundle_loaded = Loaded(printed, host_, facts.bundle_on_disk);
  facts.loaded_seen_at_renewal = !facts.bundle_loaded.sha256.empty();
  facts.adapter_version = SIGNET_VERSION;
  facts.machine_id_sha256 = host_.machine_id_sha256;
  // A token never speaks for a renewal's request: that one may later count as proof of what the daemon has loaded.
  if (pending.has_value() && (renewal || !pending->renewal) && StillSays(pending->facts, facts)) {
    if (renewal || pending->parent == host_.parent) return *pending;
    Request adopted = *pending;
    adopted.parent = host_.parent;
    SIGNET_RETURN_IF_ERROR(state.KeepPending(adopted));
    return adopted;
  }

  std::optional<keys::PrivateKey> tls_key;
  if (pending.has_value()) {
    tls_key = pending->tls_key;
  } else {
    SIGNET_ASSIGN_OR_RETURN(tls_key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  }
  facts.csr_spki_sha256 = tls_key->public_key().spki_sha256();
  SIGNET_ASSIGN_OR_RETURN(facts.seq, state.NextSeq(now));
  SIGNET_ASSIGN_OR_RETURN(std::string statement,
                          evidence::Sign(facts, identity.key, token != nullptr ? &token->key : nullptr));
  // Remade between get-node-token and generate-csr of one enrolment, it is still an enrolment.
  Request request{*tls_key, std::move(statement), std::move(facts), renewal && !IsEnrolling(pending), host_.parent};
  SIGNET_RETURN_IF_ERROR(state.KeepPending(request));
  return request;
}

}  // namespace signet::slurm
