#include "services/files/lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "services/files/file.h"
#include "tests/services/files/temporary_directory.h"

namespace signet::files {
namespace {

TEST(FileLock, ExcludesASecondHolderUntilItIsReleased) {
  const TemporaryDirectory dir;
  std::optional<FileLock> first = *FileLock::Acquire(dir / "lock", absl::ZeroDuration());
  EXPECT_EQ(FileLock::Acquire(dir / "lock", absl::ZeroDuration()).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(FileLock::Acquire(dir / "lock", absl::Milliseconds(20)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  first.reset();
  EXPECT_TRUE(FileLock::Acquire(dir / "lock", absl::ZeroDuration()).ok());
}

TEST(FileLock, MovesWithItsHolder) {
  const TemporaryDirectory dir;
  FileLock first = *FileLock::Acquire(dir / "one", absl::ZeroDuration());
  FileLock second = *FileLock::Acquire(dir / "two", absl::ZeroDuration());
  const FileLock moved(std::move(first));
  EXPECT_FALSE(FileLock::Acquire(dir / "one", absl::ZeroDuration()).ok());
  EXPECT_FALSE(FileLock::Acquire(dir / "two", absl::ZeroDuration()).ok());
}

TEST(FileLock, IsReleasedWhenItsHolderIsKilled) {
  const TemporaryDirectory dir;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Acquire(dir / "lock", absl::ZeroDuration());
    if (write(ready[1], lock.ok() ? "y" : "n", 1) != 1) _exit(1);
    while (true) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_FALSE(FileLock::Acquire(dir / "lock", absl::ZeroDuration()).ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::Acquire(dir / "lock", absl::Seconds(5)).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST(FileLock, LosesNoUpdateOfManyProcesses) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(WriteAtomically(dir / "count", "0").ok());
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int j = 0; j < 5; ++j) {
        const auto lock = FileLock::Acquire(dir / "lock", absl::Seconds(60));
        if (!lock.ok()) _exit(1);
        const int count = std::stoi(*Read(dir / "count"));
        if (!WriteAtomically(dir / "count", std::to_string(count + 1)).ok()) _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(*Read(dir / "count"), "40");
}

TEST(FileLock, MakesAFileOfItsOwnerAlone) {
  const TemporaryDirectory dir;
  const auto lock = FileLock::Acquire(dir / "lock", absl::ZeroDuration());
  struct stat info = {};
  ASSERT_EQ(stat((dir / "lock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(FileLock, RefusesALinkAPipeAndAMissingDirectory) {
  const TemporaryDirectory dir;
  ASSERT_EQ(symlink((dir / "target").c_str(), (dir / "link").c_str()), 0);
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(FileLock::Acquire(dir / "link", absl::ZeroDuration()).ok());
  EXPECT_FALSE(Exists(dir / "target"));
  EXPECT_FALSE(FileLock::Acquire(dir / "fifo", absl::ZeroDuration()).ok());
  EXPECT_EQ(FileLock::Acquire(dir / "none/lock", absl::ZeroDuration()).status().code(), absl::StatusCode::kNotFound);
}

TEST(FileLock, IsNotFooledByALockFileThatWasRemoved) {
  const TemporaryDirectory dir;
  const auto orphan = FileLock::Acquire(dir / "lock", absl::ZeroDuration());
  ASSERT_TRUE(Remove(dir / "lock").ok());
  const auto current = FileLock::Acquire(dir / "lock", absl::ZeroDuration());
  EXPECT_TRUE(current.ok());
  EXPECT_FALSE(FileLock::Acquire(dir / "lock", absl::ZeroDuration()).ok());
}

}  // namespace
}  // namespace signet::files
