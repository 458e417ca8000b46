#include "services/store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/connection.h"
#include "services/store/sqlite/migrations.h"
#include "services/store/sqlite/reader_pool.h"
#include "services/store/sqlite/writer.h"

namespace signet::store::sqlite {
namespace {

constexpr int kReaders = 4;
// Up to this size every page is checked at start (under a second); beyond it only what SQLite notices by itself.
constexpr off_t kCheckedBytes = 256 << 20;

absl::Status FileFault(const std::string& path, absl::string_view what) {
  return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                       absl::StrCat(path, ": ", what, ": ", std::strerror(errno)));
}

// Makes the file, or narrows its mode. SQLite gives -wal and -shm the mode of the file. An existing file is never
// opened here: closing it would drop the locks that SQLite may hold on it elsewhere in this process. Returns its size.
absl::StatusOr<off_t> PrepareFile(const std::string& path, telemetry::Logger& logger) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return FileFault(path, "cannot stat");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return FileFault(path, "cannot create");
    const bool narrowed = ::fchmod(fd, 0600) == 0;
    const absl::Status status = narrowed ? absl::OkStatus() : FileFault(path, "cannot chmod");
    ::close(fd);
    if (!status.ok()) return status;
    return 0;
  }
  if (!S_ISREG(info.st_mode)) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, ": not a regular file"));
  }
  if ((info.st_mode & 07777) != 0600) {
    logger.Warning("store.mode_narrowed", {{"path", path}, {"was", absl::StrCat(absl::Hex(info.st_mode & 07777))}});
    if (::chmod(path.c_str(), 0600) != 0) return FileFault(path, "cannot chmod to 0600");
  }
  return info.st_size;
}

absl::Status Prepare(Connection& connection, const std::string& path, off_t size) {
  if (size > 0 && size <= kCheckedBytes) {
    SIGNET_ASSIGN_OR_RETURN(const std::string verdict, connection.Value("PRAGMA quick_check(1)"));
    if (verdict != "ok") {
      return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, verdict);
    }
  }
  SIGNET_RETURN_IF_ERROR(Migrate(connection, path));
  SIGNET_ASSIGN_OR_RETURN(const std::string mode, connection.Value("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, ": its file system has no shared memory (network file system?)"),
                         "set data_dir to a local file system");
  }
  // FULL: a commit is on the disk before anyone is told.
  SIGNET_RETURN_IF_ERROR(connection.Execute("PRAGMA synchronous = FULL"));
  SIGNET_RETURN_IF_ERROR(connection.Execute("PRAGMA foreign_keys = ON"));
  // What is deleted or replaced, a destroyed authority's sealed key above all, is overwritten and does not lie on in
  // free pages.
  SIGNET_RETURN_IF_ERROR(connection.Execute("PRAGMA secure_delete = ON"));
  return connection.Execute("PRAGMA journal_size_limit = 67108864");
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Writer> writer, std::unique_ptr<ReaderPool> readers)
      : writer_(std::move(writer)), readers_(std::move(readers)) {}
  absl::Status Write(absl::FunctionRef<absl::Status(Tables&)> work) override { return writer_->Write(work); }
  void WriteLater(std::function<absl::Status(Tables&)> work) override { writer_->WriteLater(std::move(work)); }
  absl::Status Scrub() override { return writer_->Scrub(); }
  absl::Status Read(absl::FunctionRef<absl::Status(const Tables&)> work) const override { return readers_->Read(work); }

 private:
  // Destroyed last: the last connection to close moves the log into the one file.
  const std::unique_ptr<Writer> writer_;
  const std::unique_ptr<ReaderPool> readers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options, telemetry::Logger& logger) {
  SIGNET_ASSIGN_OR_RETURN(const off_t size, PrepareFile(options.path, logger));
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(options.path));
  absl::Status status = Prepare(*connection, options.path, size);
  if (absl::IsUnavailable(status)) {
    return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                         absl::StrCat(options.path, ": not usable as a store: ", status.message()),
                         "check the disk; if the file is damaged, restore a backup");
  }
  if (!status.ok()) return status;
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<ReaderPool> readers, ReaderPool::Open(options.path, kReaders));
  auto writer = std::make_unique<Writer>(std::move(connection), options.max_waiting, options.max_group, logger);
  return std::unique_ptr<Store>(new SqliteStore(std::move(writer), std::move(readers)));
}

}  // namespace signet::store::sqlite
