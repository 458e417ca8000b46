#include "adapters/slurm/node_state.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/names/node_name.h"

namespace signet::slurm {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr files::WriteOptions kPrivateFile = {.mode = 0600};

std::string UserDirectory(const std::string& state_dir, uid_t uid) { return absl::StrCat(state_dir, "/", uid); }

absl::Status NoDirectory(const std::string& directory, uid_t uid, absl::string_view why) {
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kConfiguration, absl::StrCat("state directory: ", why),
      absl::StrCat("as root: install -d -m 0755 ", directory.substr(0, directory.rfind('/')), " && install -d -o ", uid,
                   " -m 0700 ", directory, "   # or set state_dir to a writable place in signet-slurm.yaml"));
}

}  // namespace

// The parent may be writable for others, so whoever was first may have made ours.
absl::Status MakeUserDirectory(const std::string& state_dir, uid_t uid) {
  const std::string directory = UserDirectory(state_dir, uid);
  absl::Status made = files::MakeDirectories(directory, kPrivateDirectory);
  if (absl::IsResourceExhausted(made)) return made;
  if (!made.ok()) return NoDirectory(directory, uid, made.message());
  struct stat info = {};
  if (lstat(directory.c_str(), &info) != 0) return NoDirectory(directory, uid, strerror(errno));
  if (!S_ISDIR(info.st_mode) || info.st_uid != uid || (info.st_mode & 0077) != 0) {
    return NoDirectory(directory, uid, absl::StrCat(directory, " is not a directory of uid ", uid, " alone"));
  }
  return absl::OkStatus();
}

std::vector<std::string> KnownNodes(const std::string& state_dir, uid_t uid) {
  std::vector<std::string> nodes;
  std::error_code error;
  std::filesystem::directory_iterator entries(UserDirectory(state_dir, uid), error);
  if (error) return nodes;
  for (const std::filesystem::directory_iterator end; !error && entries != end; entries.increment(error)) {
    std::string name = entries->path().filename().string();
    if (names::CheckNodeName(name).ok() && files::Exists(entries->path().string() + "/identity"))
      nodes.push_back(std::move(name));
  }
  return nodes;
}

absl::StatusOr<NodeState> NodeState::Open(const std::string& state_dir, const Host& host, absl::string_view node,
                                          absl::Duration timeout) {
  const std::string user_directory = UserDirectory(state_dir, host.uid);
  SIGNET_RETURN_IF_ERROR(MakeUserDirectory(state_dir, host.uid));
  // Beside the directory, which may be moved aside. A leading dot is no node's name.
  SIGNET_ASSIGN_OR_RETURN(files::FileLock lock,
                          files::FileLock::Acquire(absl::StrCat(user_directory, "/.", node, ".lock"), timeout));
  NodeState state(absl::StrCat(user_directory, "/", node), std::move(lock));
  SIGNET_RETURN_IF_ERROR(state.Load(host));
  return state;
}

absl::Status NodeState::Load(const Host& host) {
  SIGNET_RETURN_IF_ERROR(files::MakeDirectories(directory_, kPrivateDirectory));
  // What killed scripts left: private keys that nobody needs.
  for (const absl::string_view name : {"identity", "pending", "seq", "host"}) {
    SIGNET_RETURN_IF_ERROR(files::RemoveTemporaries(Path(name)));
  }
  const std::string machine = absl::BytesToHexString(host.machine_id_sha256);
  const absl::StatusOr<std::string> recorded = files::Read(Path("host"));
  if (!recorded.ok() && !absl::IsNotFound(recorded.status())) return recorded.status();
  const std::string owner = recorded.ok() ? std::string(absl::StripAsciiWhitespace(*recorded)) : "";
  if (!owner.empty() && !machine.empty() && owner != machine) SIGNET_RETURN_IF_ERROR(StartOver());
  if (!machine.empty() && owner != machine) {
    SIGNET_RETURN_IF_ERROR(files::WriteAtomically(Path("host"), machine + "\n", kPrivateFile));
  }
  const absl::StatusOr<base::SecretBytes> pem = files::ReadSecret(Path("identity"));
  if (absl::IsNotFound(pem.status())) return absl::OkStatus();
  if (!pem.ok()) return pem.status();
  absl::StatusOr<std::vector<Identity>> identities = ParseIdentities(*pem);
  if (!identities.ok()) {
    SIGNET_RETURN_IF_ERROR(StartOver());
    return machine.empty() ? absl::OkStatus() : files::WriteAtomically(Path("host"), machine + "\n", kPrivateFile);
  }
  identity_ = identities->front();
  if (identities->size() > 1) other_ = identities->back();
  return absl::OkStatus();
}

absl::Status NodeState::StartOver() {
  const std::filesystem::path here(directory_);
  const std::filesystem::path aside = here.parent_path() / absl::StrCat(".", here.filename().string(), ".aside");
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  if (!error) std::filesystem::rename(here, aside, error);
  if (error) return absl::InternalError(absl::StrCat("cannot move ", directory_, " aside: ", error.message()));
  return files::MakeDirectories(directory_, kPrivateDirectory);
}

absl::Status NodeState::CreateIdentity(const std::string& token_id) {
  SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const std::optional<Request> answered = printed();
  const bool other_was_answered =
      other_.has_value() && answered.has_value() && answered->facts.key_id == other_->key.public_key().key_id();
  return KeepIdentities({std::move(key), token_id}, other_was_answered ? other_ : identity_);
}

absl::Status NodeState::UseOtherIdentity() {
  if (!other_.has_value()) return absl::FailedPreconditionError("there is no other identity key");
  return KeepIdentities(*other_, identity_);
}

absl::Status NodeState::KeepIdentities(Identity in_use, std::optional<Identity> other) {
  std::vector<Identity> identities = {std::move(in_use)};
  if (other.has_value()) identities.push_back(*std::move(other));
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes file, EncodeIdentities(identities));
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(Path("identity"), file.ExposeSecret(), kPrivateFile));
  identity_ = identities.front();
  other_ = std::nullopt;
  if (identities.size() > 1) other_ = identities.back();
  return absl::OkStatus();
}

absl::Status NodeState::KeepPending(const Request& request) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes file, EncodeRequest(request));
  return files::WriteAtomically(Path("pending"), file.ExposeSecret(), kPrivateFile);
}

bool NodeState::HasPending() const { return files::Exists(Path("pending")); }

void NodeState::DropSupersededIdentity() {
  if (!identity_.has_value() || !other_.has_value()) return;
  const std::optional<Request> answered = pending();
  if (!answered.has_value() || answered->facts.key_id != identity_->key.public_key().key_id()) return;
  const std::optional<Request> before = printed();
  const bool other_was_answered = before.has_value() && before->facts.key_id == other_->key.public_key().key_id();
  // One that was never answered, beside an older one that is good without a token, has its own token still to spend.
  if (answered->facts.token_id.empty() && !other_was_answered) return;
  // Kept by a full disk, it costs an attempt in vain; an error here would cost the node its certificate.
  KeepIdentities(*identity_, std::nullopt).IgnoreError();
}

absl::Status NodeState::MarkPrinted() {
  // While the two requests still tell which key took over from which.
  DropSupersededIdentity();
  // Not synced: after a power cut an old name only means that the key is used for one request more.
  if (rename(Path("pending").c_str(), Path("printed").c_str()) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot rename ", Path("pending"), ": ", strerror(errno)));
}

absl::StatusOr<uint64_t> NodeState::NextSeq(absl::Time now) {
  uint64_t last = 0;
  const absl::StatusOr<std::string> text = files::Read(Path("seq"));
  if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
  // The requests remember as well, should this file be damaged.
  if (!text.ok() || !absl::SimpleAtoi(*text, &last)) last = 0;
  for (const std::optional<Request>& request : {pending(), printed()}) {
    if (request.has_value()) last = std::max(last, request->facts.seq);
  }
  const uint64_t next = std::max(last + 1, static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMillis(now), 0)));
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(Path("seq"), absl::StrCat(next, "\n"), kPrivateFile));
  return next;
}

std::optional<Request> NodeState::ReadRequest(absl::string_view name) const {
  const absl::StatusOr<base::SecretBytes> file = files::ReadSecret(Path(name));
  if (!file.ok()) return std::nullopt;
  absl::StatusOr<Request> request = ParseRequest(*file);
  if (!request.ok()) return std::nullopt;
  return *std::move(request);
}

std::string NodeState::Path(absl::string_view name) const { return absl::StrCat(directory_, "/", name); }

}  // namespace signet::slurm
