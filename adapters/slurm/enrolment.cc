#include "adapters/slurm/enrolment.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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
// What another script of the same node may hold the lock for: some fsyncs.
constexpr absl::Duration kLockTime = absl::Seconds(2);

absl::Status NoEvidence(const std::string& node, const std::string& daemon, const TokenSearch& search) {
  const absl::string_view option = daemon == "slurmd" ? "" : " --daemon sackd";
  return base::Refusal(
      absl::StatusCode::kPermissionDenied, base::kEvidenceMissing,
      absl::StrCat("no token for node ", node, " (", daemon, ") and no identity key yet; tried ",
                   search.refused.empty() ? "nothing: token_files is empty" : absl::StrJoin(search.refused, ", ")),
      absl::StrCat("on the server: signetctl token create ", node, option,
                   " --out-dir DIR, then copy the file to this host"));
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
         (now.token_id.empty() || pending.token_id == now.token_id);
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
  // Before a directory is made: a garbled $1 that happens to be a name must leave nothing behind.
  const std::string identity = absl::StrCat(config_.state_dir, "/", host_.uid, "/", node, "/identity");
  if (!search.token.has_value() && !files::Exists(identity)) return NoEvidence(node, host_.daemon, search);
  SIGNET_ASSIGN_OR_RETURN(NodeState state, OpenState(node));
  if (!state.identity().has_value()) {
    if (!search.token.has_value()) return NoEvidence(node, host_.daemon, search);
    SIGNET_RETURN_IF_ERROR(state.CreateIdentity());
  }
  return CurrentRequest(state, node, search, renewal);
}

absl::StatusOr<std::string> Enrolment::ClusterFrom(const TokenSearch& search, const std::optional<Request>& printed,
                                                   const std::optional<Request>& pending) const {
  if (!config_.cluster.empty()) return config_.cluster;
  if (search.token.has_value()) return search.token->cluster;
  if (printed.has_value()) return printed->facts.cluster;
  if (pending.has_value()) return pending->facts.cluster;
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, "cluster is not known",
                       absl::StrCat("set cluster in ", ConfigPath()));
}

absl::StatusOr<Request> Enrolment::CurrentRequest(NodeState& state, const std::string& node, const TokenSearch& search,
                                                  bool renewal) {
  const std::optional<Request> pending = state.pending();
  const std::optional<Request> printed = state.printed();
  const FoundToken* const token = search.token.has_value() ? &*search.token : nullptr;
  evidence::Statement facts;
  SIGNET_ASSIGN_OR_RETURN(facts.cluster, ClusterFrom(search, printed, pending));
  // A statement tells which bundle lies on disk: bring that up to date first. Enrolment neither waits for it nor fails
  // with it.
  if (host_.uid == 0)
    RefreshFromFiles(config_, facts.cluster, token != nullptr ? token->bundle_pin : "", clock_.Now()).IgnoreError();
  const bundle::OnDisk on_disk = bundle::Observe(config_.ca_cert_file);
  const absl::Time now = clock_.Now();
  facts.key_id = state.identity()->public_key().key_id();
  facts.node = node;
  facts.daemon = host_.daemon;
  facts.issued_at = absl::FromUnixMillis(absl::ToUnixMillis(now));
  facts.expires_at = facts.issued_at + evidence::kStatementLifetime;
  facts.boot_id = host_.boot_id;
  facts.identity_spki_der = state.identity()->public_key().spki_der();
  if (token != nullptr) facts.token_id = token->id;
  facts.bundle_on_disk = {on_disk.generation, on_disk.sha256};
  facts.bundle_loaded = Loaded(printed, host_, facts.bundle_on_disk);
  facts.loaded_seen_at_renewal = !facts.bundle_loaded.sha256.empty();
  facts.adapter_version = SIGNET_VERSION;
  facts.machine_id_sha256 = host_.machine_id_sha256;
  // A token never speaks for a renewal's request: that one may later count as proof of what the daemon has loaded.
  if (pending.has_value() && (renewal || !pending->renewal) && StillSays(pending->facts, facts)) return *pending;

  std::optional<keys::PrivateKey> tls_key;
  if (pending.has_value()) {
    tls_key = pending->tls_key;
  } else {
    SIGNET_ASSIGN_OR_RETURN(tls_key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  }
  facts.csr_spki_sha256 = tls_key->public_key().spki_sha256();
  SIGNET_ASSIGN_OR_RETURN(facts.seq, state.NextSeq(now));
  SIGNET_ASSIGN_OR_RETURN(std::string statement,
                          evidence::Sign(facts, *state.identity(), token != nullptr ? &token->key : nullptr));
  // Remade between get-node-token and generate-csr of one enrolment, it is still an enrolment.
  const bool enrolling = pending.has_value() && !pending->renewal && pending->parent == host_.parent;
  Request request{*tls_key, std::move(statement), std::move(facts), renewal && !enrolling, host_.parent};
  SIGNET_RETURN_IF_ERROR(state.KeepPending(request));
  return request;
}

}  // namespace signet::slurm
