#include "cli/key_pair.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "cli/issued.h"
#include "cli/staged_files.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::cli {
namespace {

absl::Status Unfit(const std::string& message) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message);
}

constexpr absl::Duration kLongestSwap = absl::Seconds(5);

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("renaming ", from, " to ", to));
}

}  // namespace

// Two fsyncs and two renames are all that anybody does under it.
absl::StatusOr<files::FileLock> LockPair(const PairPaths& paths) {
  return files::FileLock::Acquire(absl::StrCat(paths.key, ".signetctl-lock"), kLongestSwap);
}

absl::StatusOr<PairRights> RightsOf(const PairPaths& paths) {
  struct stat info {};
  if (lstat(paths.key.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, paths.key);
  if (!S_ISREG(info.st_mode)) return Unfit(absl::StrCat(paths.key, " is not a regular file"));
  if ((info.st_mode & 037) != 0) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(paths.key, " is open to others: it is no secret any more"),
                         absl::StrCat("chmod 0600 ", paths.key));
  }
  return PairRights{.key_mode = info.st_mode & 0740, .user = info.st_uid, .group = info.st_gid};
}

absl::StatusOr<std::vector<x509::Certificate>> ReadPair(const PairPaths& paths) {
  SIGNET_ASSIGN_OR_RETURN(const std::string pem, files::Read(paths.cert));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> chain, x509::Certificate::ListFromPem(pem));
  // Root reads a key that belongs to SlurmUser: the rules of ReadSecret are for keys of one's own.
  SIGNET_ASSIGN_OR_RETURN(std::string key_pem, files::Read(paths.key));
  const absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(base::SecretBytes::Take(key_pem));
  if (!key.ok()) return Unfit(absl::StrCat(paths.key, ": ", key.status().message()));
  if (key->public_key() == chain.front().public_key()) return chain;
  return Unfit(absl::StrCat(paths.key, " is not the key of ", paths.cert));
}

absl::Status WritePair(const PairPaths& paths, const PairRights& rights, const keys::PrivateKey& key,
                       const std::vector<x509::Certificate>& chain) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes key_pem, key.ToPem());
  SIGNET_ASSIGN_OR_RETURN(const files::FileLock lock, LockPair(paths));
  StagedFiles staged;
  SIGNET_RETURN_IF_ERROR(staged.Add(paths.key, key_pem.ExposeSecret(),
                                    {.mode = rights.key_mode, .owner = rights.user, .group = rights.group}));
  SIGNET_RETURN_IF_ERROR(
      staged.Add(paths.cert, RenderChainFile(chain), {.mode = 0644, .owner = rights.user, .group = rights.group}));
  return staged.Commit();
}

absl::StatusOr<bool> HealPair(const PairPaths& paths) {
  if (!files::Exists(paths.key) || !files::Exists(paths.cert)) return false;
  if (ReadPair(paths).ok()) return false;
  SIGNET_ASSIGN_OR_RETURN(const files::FileLock lock, LockPair(paths));
  const absl::Status fits = ReadPair(paths).status();
  if (fits.ok()) return false;
  const std::string new_cert = StagedFiles::StagedName(paths.cert);
  const std::string old_key = StagedFiles::KeptName(paths.key);
  if (ReadPair({.key = paths.key, .cert = new_cert}).ok()) {
    SIGNET_RETURN_IF_ERROR(Rename(new_cert, paths.cert));
    return true;
  }
  if (ReadPair({.key = old_key, .cert = paths.cert}).ok()) {
    SIGNET_RETURN_IF_ERROR(Rename(old_key, paths.key));
    return true;
  }
  return fits;
}

bool IsDue(const x509::Certificate& certificate, absl::Time now) {
  return now >= certificate.not_before() + (certificate.not_after() - certificate.not_before()) * 2 / 3;
}

}  // namespace signet::cli
