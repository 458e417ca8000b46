#include "services/server/first_start.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/sealed/sealed_custody.h"

namespace signet::server {
namespace {

absl::Status Refuse(absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

}  // namespace

std::string DatabasePath(const Config& config) { return absl::StrCat(config.data_dir, "/signet.db"); }

absl::StatusOr<files::FileLock> LockDataDir(const Config& config) {
  if (!files::Exists(config.data_dir)) SIGNET_RETURN_IF_ERROR(files::MakeDirectories(config.data_dir, 0700));
  struct stat found = {};
  if (lstat(config.data_dir.c_str(), &found) != 0) return Refuse(absl::StrCat(config.data_dir, ": ", strerror(errno)));
  if (!S_ISDIR(found.st_mode)) return Refuse(absl::StrCat("data_dir ", config.data_dir, " is not a folder"));
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Refuse(absl::StrCat("others can write to data_dir ", config.data_dir),
                  absl::StrCat("chmod go-w ", config.data_dir));
  }
  auto lock = files::FileLock::Acquire(absl::StrCat(config.data_dir, "/lock"), absl::ZeroDuration());
  if (!absl::IsDeadlineExceeded(lock.status())) return lock;
  return Refuse(absl::StrCat("another signetd uses data_dir ", config.data_dir), "systemctl status signetd");
}

absl::StatusOr<KeyEncryptionKey> ReadOrCreateKek(const Config& config, base::Random& random) {
  KeyEncryptionKey key;
  if (!files::Exists(config.kek_file)) {
    if (files::Exists(DatabasePath(config))) {
      return Refuse(absl::StrCat("the key-encryption key ", config.kek_file, " is missing, and ", DatabasePath(config),
                                 " was sealed with it"),
                    absl::StrCat("restore ", config.kek_file, " from its own backup"));
    }
    SIGNET_RETURN_IF_ERROR(keys::sealed::CreateKek(config.kek_file, random));
    key.created = true;
  }
  SIGNET_ASSIGN_OR_RETURN(key.bytes, keys::sealed::ReadKek(config.kek_file));
  return key;
}

std::string FirstStartNotice(const Config& config, bool kek_created, const authority::Created& created) {
  std::string notice;
  if (kek_created) {
    absl::StrAppend(&notice, "Made the key-encryption key ", config.kek_file,
                    ".\nWithout it the authority's keys cannot be opened: a lost key-encryption key is a lost "
                    "authority. Back it up now, "
                    "apart from backups of ",
                    config.data_dir, ".\n");
  }
  if (created.anything) {
    absl::StrAppend(&notice, "Made the authorities of cluster ", config.cluster, ": ", created.slurm_authority_id,
                    " for Slurm, ", created.control_authority_id, " for Signet itself.\nThe bundle pin is ",
                    created.bundle_pin_hex, ".\n");
  }
  return notice;
}

}  // namespace signet::server
