#include "adapters/slurm/state_view.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "adapters/slurm/identity_file.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/request.h"
#include "adapters/slurm/token_search.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"
#include "services/names/node_name.h"

namespace signet::slurm {
namespace {

std::string Utc(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

// Root looks at files of other users here, which NodeState would refuse to work with.
absl::StatusOr<base::SecretBytes> ReadForView(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(std::string content, files::Read(path));
  return base::SecretBytes::Take(content);
}

std::optional<Request> RequestIn(const std::string& path) {
  const absl::StatusOr<base::SecretBytes> file = ReadForView(path);
  if (!file.ok()) return std::nullopt;
  absl::StatusOr<Request> request = ParseRequest(*file);
  if (!request.ok()) return std::nullopt;
  return *std::move(request);
}

std::vector<uid_t> Users(const Config& config, const Host& host) {
  if (host.uid != 0) return {host.uid};
  std::vector<uid_t> users;
  std::error_code error;
  std::filesystem::directory_iterator entries(config.state_dir, error);
  if (error) return users;
  for (const std::filesystem::directory_iterator end; !error && entries != end; entries.increment(error)) {
    uint32_t uid = 0;
    if (absl::SimpleAtoi(entries->path().filename().string(), &uid)) users.push_back(uid);
  }
  std::sort(users.begin(), users.end());
  return users;
}

std::string RequestLine(const Request& request) {
  return absl::StrCat(Utc(request.facts.issued_at), ", seq ", request.facts.seq, request.renewal ? ", a renewal" : "",
                      request.facts.kubernetes_token.empty() ? "" : ", with the pod's token");
}

std::string TokenLine(const Config& config, const std::string& node, const std::string& daemon,
                      const std::string& enrolled_by) {
  const TokenSearch search = FindToken(config, node, daemon);
  if (!search.token.has_value()) return "none that this user can use";
  const bool same = search.token->id == enrolled_by;
  return absl::StrCat(search.token->path, ", id ", search.token->id,
                      same ? "" : ", not the identity key's: the next full enrolment makes a new identity key");
}

std::string ShowNode(const Config& config, const Host& host, uid_t uid, const std::string& node) {
  const std::string directory = absl::StrCat(config.state_dir, "/", uid, "/", node);
  const std::optional<Request> pending = RequestIn(directory + "/pending");
  const std::optional<Request> printed = RequestIn(directory + "/printed");
  const Request* const last = pending.has_value() ? &*pending : printed.has_value() ? &*printed : nullptr;
  const std::string daemon = last != nullptr ? last->facts.daemon : uid == 0 ? "slurmd" : "sackd";
  std::string text = absl::StrCat("node: ", node, "\ndaemon: ", daemon, "\nuid: ", uid, "\n");
  const absl::StatusOr<base::SecretBytes> file = ReadForView(directory + "/identity");
  const absl::StatusOr<std::vector<Identity>> identities =
      file.ok() ? ParseIdentities(*file) : absl::StatusOr<std::vector<Identity>>(file.status());
  if (!identities.ok()) {
    absl::StrAppend(&text, "identity key: cannot be read: ", std::string(identities.status().message()), "\n");
  } else {
    const Identity& identity = identities->front();
    absl::StrAppend(&text, "identity key: ", identity.key.public_key().key_id(),
                    "\nmade for token: ", identity.token_id.empty() ? "none" : identity.token_id, "\n");
    if (identities->size() > 1) {
      absl::StrAppend(&text, "identity key before it: ", identities->back().key.public_key().key_id(), "\n");
    }
    absl::StrAppend(&text, "token file: ", TokenLine(config, node, daemon, identity.token_id), "\n");
  }
  absl::StrAppend(&text, "last request: ", last == nullptr ? "none" : RequestLine(*last), "\n");
  absl::StrAppend(&text, "answer: ",
                  pending.has_value()   ? "awaited, or the request was refused: see the controller's log"
                  : printed.has_value() ? "a certificate arrived, and its key was handed out"
                                        : "none yet",
                  "\n");
  const bool other_machine = last != nullptr && !host.machine_id_sha256.empty() &&
                             !last->facts.machine_id_sha256.empty() &&
                             last->facts.machine_id_sha256 != host.machine_id_sha256;
  if (other_machine) absl::StrAppend(&text, "machine: another one; the next request starts over\n");
  return text;
}

}  // namespace

absl::StatusOr<std::string> ParseStateShow(const std::vector<std::string>& arguments) {
  const bool all = arguments.size() == 1 && arguments[0] == "show";
  const bool one = arguments.size() == 3 && arguments[0] == "show" && arguments[1] == "--node" &&
                   names::CheckNodeName(arguments[2]).ok();
  if (all || one) return one ? arguments[2] : std::string();
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "state takes: show, and a node's name",
                       "signet-slurm state show [--node NAME]");
}

absl::StatusOr<std::string> ShowState(const Config& config, const Host& host, const std::string& only_node,
                                      absl::Time now) {
  std::string text;
  for (const uid_t uid : Users(config, host)) {
    std::vector<std::string> nodes = KnownNodes(config.state_dir, uid);
    std::sort(nodes.begin(), nodes.end());
    for (const std::string& node : nodes) {
      if (only_node.empty() || only_node == node) absl::StrAppend(&text, ShowNode(config, host, uid, node), "\n");
    }
  }
  if (text.empty()) {
    return base::Refusal(
        absl::StatusCode::kNotFound, base::kNotFound,
        absl::StrCat("no identity key ", only_node.empty() ? "" : absl::StrCat("of node ", only_node, " "), "in ",
                     config.state_dir, host.uid == 0 ? "" : " for this user"),
        host.uid == 0 ? "systemctl restart slurmd   # enrols" : "run it as root to see every user's");
  }
  const bundle::OnDisk on_disk = bundle::Observe(config.ca_cert_file);
  absl::StrAppend(&text, "bundle on disk: ", config.ca_cert_file, ", ",
                  on_disk.sha256.empty()    ? "absent"
                  : on_disk.generation == 0 ? "not written by signet"
                                            : absl::StrCat("generation ", on_disk.generation),
                  on_disk.sha256.empty() ? "" : absl::StrCat(", sha256 ", absl::BytesToHexString(on_disk.sha256)),
                  "\nclock: ", Utc(now), "\n");
  return text;
}

}  // namespace signet::slurm
