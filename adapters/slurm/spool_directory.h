// slurmd's spool directory, as pre-start may touch it.
#ifndef SIGNET_ADAPTERS_SLURM_SPOOL_DIRECTORY_H_
#define SIGNET_ADAPTERS_SLURM_SPOOL_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/secret_bytes.h"
#include "services/files/descriptor.h"

namespace signet::slurm {

inline constexpr char kAsideSuffix[] = ".signet-aside";

// One file of it.
struct SpoolFile {
  base::SecretBytes content;
  absl::Time modified_at;
};

// Held open, so that every name is looked up in the directory that was judged.
class SpoolDirectory {
 public:
  // NOT_FOUND; FAILED_PRECONDITION when it is a link or no directory, belongs to another user, or others may write to
  // it.
  static absl::StatusOr<SpoolDirectory> Open(const std::string& path);

  // NOT_FOUND; FAILED_PRECONDITION when it is a link or no regular file, or belongs to another user; INVALID_ARGUMENT
  // when it is larger than any certmgr_state.
  absl::StatusOr<SpoolFile> Read(const std::string& name) const;
  // Renames `name` to name + kAsideSuffix, in one step, over an older one: the newest is kept, with its mode.
  absl::Status MoveAside(const std::string& name) const;
  const std::string& path() const { return path_; }

 private:
  SpoolDirectory(std::string path, files::Descriptor directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}
  std::string path_;
  files::Descriptor directory_;
};

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_SPOOL_DIRECTORY_H_
