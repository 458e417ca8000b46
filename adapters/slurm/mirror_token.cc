#include "adapters/slurm/mirror_token.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kLargestToken = 16 * 1024;
constexpr mode_t kOwnerReads = 0400;
constexpr mode_t kModeBits = 07777;

absl::Status Refused(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

// RFC 7515 section 3.1: three parts of base64url, the first one a JSON object.
bool LooksLikeJws(absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  const auto is_part = [](absl::string_view part) {
    return !part.empty() &&
           std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; });
  };
  // '{' and a quote or a blank.
  return parts.size() == 3 && absl::StartsWith(parts[0], "ey") && std::all_of(parts.begin(), parts.end(), is_part);
}

absl::StatusOr<base::SecretBytes> ReadSource(const std::string& from) {
  constexpr char kNext[] = "mount the projected serviceAccountToken volume, audience signet, into this container";
  absl::StatusOr<std::string> text = files::Read(from, kLargestToken + 1);
  if (!text.ok()) return Refused(absl::StrCat("--from: ", text.status().message()), kNext);
  const base::SecretBytes file = base::SecretBytes::Take(*text);
  const absl::string_view token = absl::StripTrailingAsciiWhitespace(file.ExposeSecret());
  if (token.size() > kLargestToken || !LooksLikeJws(token)) {
    return Refused(
        absl::StrCat("--from: ", from, " holds no service account token of at most ", kLargestToken, " bytes"), kNext);
  }
  return base::SecretBytes(token);
}

// True when it is there.
absl::StatusOr<bool> CheckTarget(const std::string& to, bool* owner_reads_only) {
  struct stat info = {};
  if (lstat(to.c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return Refused(absl::StrCat("--to: ", to, ": ", strerror(errno)), "an emptyDir that this user may write");
  }
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
    return Refused(absl::StrCat("--to: ", to, " is a link, no regular file, or another user's"),
                   "mount the emptyDir read-only into every other container");
  }
  *owner_reads_only = (info.st_mode & kModeBits) == kOwnerReads;
  return true;
}

}  // namespace

absl::StatusOr<std::string> MirrorToken(const std::string& from, const std::string& to) {
  bool owner_reads_only = false;
  SIGNET_ASSIGN_OR_RETURN(const bool exists, CheckTarget(to, &owner_reads_only));
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes token, ReadSource(from));
  if (exists && owner_reads_only) {
    const absl::StatusOr<base::SecretBytes> held = files::ReadSecret(to, {}, kLargestToken + 1);
    if (held.ok() && held->ExposeSecret() == token.ExposeSecret()) return std::string();
  }
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(to, token.ExposeSecret(), {.mode = kOwnerReads}));
  return absl::StrCat(to, ": written\n");
}

}  // namespace signet::slurm
