#include "adapters/slurm/pod_token.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kLargestToken = 16 * 1024;  // what a statement may carry

absl::Status Refused(absl::string_view why) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("kubernetes.token_file: ", why),
                       "set defaultMode: 0400 and audience: signet on the pod's projected serviceAccountToken volume");
}

}  // namespace

absl::StatusOr<base::SecretBytes> ReadPodToken(const std::string& path) {
  // The kubelet swaps a symbolic link when it renews the token; an fsGroup makes the file 0640.
  const absl::StatusOr<base::SecretBytes> file =
      files::ReadSecret(path, {.allow_group_read = true, .allow_symlink = true}, kLargestToken + 1);
  if (absl::IsNotFound(file.status())) return file.status();
  if (!file.ok()) return Refused(file.status().message());
  const absl::string_view text = absl::StripTrailingAsciiWhitespace(file->ExposeSecret());
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
  if (text.empty() || text.size() > kLargestToken || !visible) {
    return Refused(absl::StrCat(path, " holds no token of at most ", kLargestToken, " visible characters"));
  }
  return base::SecretBytes(text);
}

}  // namespace signet::slurm
