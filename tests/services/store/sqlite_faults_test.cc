// The store when the process, the disk or the file system fails.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/sqlite_store.h"
#include "tests/services/store/rows.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::store::sqlite {
namespace {

constexpr char kStormPath[] = "SIGNET_STORM_PATH";
constexpr int kStormOutput = 3;

std::unique_ptr<Store> OpenStore(const std::string& path) {
  static const std::unique_ptr<telemetry::Logger> logger = telemetry::MakeNullLogger();
  auto store = Open({.path = path}, *logger);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

absl::Status Insert(Store& store, const std::string& serial, std::size_t bytes = 400) {
  return store.Write([&](Tables& tables) {
    CertificateRow row = Certificate(serial);
    row.tbs_der.assign(bytes, 't');
    return tables.certificates().Insert(row);
  });
}

bool Has(const Store& store, const std::string& serial) {
  return store.Read([&](const Tables& tables) { return tables.certificates().Find(serial).status(); }).ok();
}

std::string IntegrityOf(const std::string& path) {
  sqlite3* raw = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string verdict = "cannot check";
  if (sqlite3_open(path.c_str(), &raw) == SQLITE_OK &&
      sqlite3_prepare_v2(raw, "PRAGMA integrity_check", -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    verdict = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  }
  sqlite3_finalize(statement);
  sqlite3_close(raw);
  return verdict;
}

// Run by the next test in a process of its own, which it kills: writes for ever, reporting each serial once it is
// acknowledged.
TEST(Storm, DISABLED_WritesUntilKilled) {
  const char* path = std::getenv(kStormPath);
  ASSERT_NE(path, nullptr);
  const auto store = OpenStore(path);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0;; ++i) {
        const std::string serial = absl::StrCat(thread, "-", ::getpid(), "-", i);
        if (!Insert(*store, serial).ok()) std::abort();
        store->WriteLater([serial](Tables& tables) { return tables.certificates().SetIssued(serial, "der"); });
        // Shorter than PIPE_BUF: lines do not mix.
        const std::string line = serial + "\n";
        if (::write(kStormOutput, line.data(), line.size()) < 0) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(SqliteFaults, KeepsEveryAcknowledgedRowWhenKilledInMidStorm) {
  TemporaryDirectory directory;
  const std::string path = directory.File("signet.db");
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 3; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kStormOutput);
    std::string program = "/proc/self/exe";
    std::string filter = "--gtest_filter=Storm.DISABLED_WritesUntilKilled";
    std::string disabled = "--gtest_also_run_disabled_tests";
    std::string environment = absl::StrCat(kStormPath, "=", path);
    char* const arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
    std::vector<char*> variables = {environment.data()};
    for (char** variable = ::environ; *variable != nullptr; ++variable) variables.push_back(*variable);
    variables.push_back(nullptr);
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, variables.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);

    std::string output;
    char buffer[4096];
    bool killed = false;
    for (ssize_t size; (size = ::read(ends[0], buffer, sizeof(buffer))) > 0;) {
      output.append(buffer, size);
      if (!killed && output.size() > 8000) killed = ::kill(child, SIGKILL) == 0;
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (absl::string_view line : absl::StrSplit(output, '\n', absl::SkipEmpty())) acknowledged.emplace_back(line);

    const auto store = OpenStore(path);
    ASSERT_NE(store, nullptr);
    int lost = 0;
    for (const std::string& serial : acknowledged) lost += Has(*store, serial) ? 0 : 1;
    EXPECT_EQ(lost, 0) << "of " << acknowledged.size();
    EXPECT_EQ(Insert(*store, absl::StrCat("after round ", round)), absl::OkStatus());
  }
  EXPECT_GT(acknowledged.size(), 300u);
  EXPECT_EQ(IntegrityOf(path), "ok");
}

// Eight threads write until the store fails, then `cure` is applied.
void FillUntilFailureAndCure(const std::string& path, const std::function<void()>& harm,
                             const std::function<void()>& cure) {
  std::vector<std::vector<std::string>> stored(8);
  std::vector<std::vector<std::string>> failed(8);
  {
    const auto store = OpenStore(path);
    ASSERT_NE(store, nullptr);
    ASSERT_EQ(Insert(*store, "before"), absl::OkStatus());
    harm();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 1000 && failed[thread].size() < 3; ++i) {
          const std::string serial = absl::StrCat(thread, "-", i);
          store->WriteLater([serial](Tables& tables) { return tables.audit().AppendCheckpoint({1, serial}); });
          const absl::Status status = Insert(*store, serial, 4000);
          if (status.ok()) {
            stored[thread].push_back(serial);
            continue;
          }
          EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
          EXPECT_EQ(base::ReasonOf(status), base::kStoreUnavailable);
          failed[thread].push_back(serial);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(Has(*store, "before"));
    cure();
    EXPECT_EQ(Insert(*store, "after"), absl::OkStatus());
    for (const auto& serials : stored) {
      for (const std::string& serial : serials) EXPECT_TRUE(Has(*store, serial)) << serial;
    }
    for (const auto& serials : failed) {
      EXPECT_FALSE(serials.empty());
      for (const std::string& serial : serials) EXPECT_FALSE(Has(*store, serial)) << serial;
    }
  }
  const auto store = OpenStore(path);
  ASSERT_NE(store, nullptr);
  for (const auto& serials : stored) {
    for (const std::string& serial : serials) EXPECT_TRUE(Has(*store, serial)) << serial;
  }
  EXPECT_TRUE(Has(*store, "after"));
  EXPECT_EQ(IntegrityOf(path), "ok");
}

// A small file system that is mounted nowhere, and is the root directory while this lives. Nothing of it is seen
// outside and it goes with the process, also in a plain chroot, whose root is no mount point that could be made
// private.
class SmallRoot {
 public:
  explicit SmallRoot(const char* size) {
    const int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || ::fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) != 0 ||
        ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
      return;
    }
    mount_ = ::fsmount(context, FSMOUNT_CLOEXEC, 0);
    ::close(context);
    entered_ = mount_ >= 0 && ::fchdir(mount_) == 0 && ::chroot(".") == 0;
  }
  ~SmallRoot() {
    if (entered_) {
      EXPECT_TRUE(::fchdir(before_) == 0 && ::chroot(".") == 0);
    }
    ::close(before_);
    ::close(mount_);
  }
  SmallRoot(const SmallRoot&) = delete;
  SmallRoot& operator=(const SmallRoot&) = delete;

  bool entered() const { return entered_; }
  bool GrowTo(const char* size) const {
    const int context = ::fspick(mount_, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    const bool grown = ::fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) == 0 &&
                       ::fsconfig(context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) == 0;
    ::close(context);
    return grown;
  }

 private:
  const int before_ = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int mount_ = -1;
  bool entered_ = false;
};

TEST(SqliteFaults, SurvivesAFullDiskAndGoesOnWhenThereIsSpace) {
  if (::geteuid() != 0) GTEST_SKIP() << "making a small file system takes root";
  const SmallRoot disk("2m");
  ASSERT_TRUE(disk.entered()) << std::strerror(errno);
  ASSERT_EQ(::mkdir("/data", 0700), 0);
  FillUntilFailureAndCure(
      "/data/signet.db", [] {}, [&] { ASSERT_TRUE(disk.GrowTo("64m")); });
}

TEST(SqliteFaults, SurvivesWritesThatFail) {
  TemporaryDirectory directory;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  // A write beyond the limit fails with EFBIG, which is an I/O error to SQLite.
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  FillUntilFailureAndCure(
      directory.File("signet.db"),
      [&] {
        rlimit small = before;
        small.rlim_cur = 600'000;
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
      },
      [&] { ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0); });
  ::signal(SIGXFSZ, old_handler);
}

TEST(SqliteFaults, WaitsAMomentForALockAndThenSaysSo) {
  TemporaryDirectory directory;
  const std::string path = directory.File("signet.db");
  const auto store = OpenStore(path);
  ASSERT_NE(store, nullptr);
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(base::ReasonOf(Insert(*store, "1")), base::kStoreUnavailable);
  ASSERT_EQ(sqlite3_exec(raw, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  EXPECT_EQ(Insert(*store, "1"), absl::OkStatus());
}

}  // namespace
}  // namespace signet::store::sqlite
