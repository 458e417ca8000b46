#include "services/files/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "services/base/reason.h"
#include "tests/services/files/temporary_directory.h"

namespace signet::files {
namespace {

using ::testing::HasSubstr;

void Put(const std::string& path, const std::string& content, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary) << content;
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

std::size_t EntriesOf(const std::string& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

TEST(Read, ReturnsEveryByte) {
  const TemporaryDirectory dir;
  std::string content(100000, 'x');
  content[5] = '\0';
  Put(dir / "f", content);
  EXPECT_EQ(*Read(dir / "f"), content);
}

TEST(Read, TakesAFileOfExactlyTheLimitAndRefusesOneByteMore) {
  const TemporaryDirectory dir;
  Put(dir / "f", std::string(4096, 'x'));
  EXPECT_EQ(Read(dir / "f", 4096)->size(), 4096u);
  const auto refused = Read(dir / "f", 4095);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("4095"));
}

TEST(Read, ReadsAnEmptyFile) {
  const TemporaryDirectory dir;
  Put(dir / "f", "");
  EXPECT_EQ(*Read(dir / "f"), "");
}

TEST(Read, SaysWhenThereIsNoFile) {
  const TemporaryDirectory dir;
  EXPECT_EQ(Read(dir / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Read("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read(std::string("a\0b", 3)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Read, RefusesDirectoriesDevicesSocketsAndPipesWithoutWaiting) {
  const TemporaryDirectory dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  (dir / "socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  for (const std::string& path : {dir / "fifo", dir / "socket", dir.path(), std::string("/dev/zero")}) {
    EXPECT_EQ(Read(path).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
  close(listener);
}

TEST(ReadSecret, ReadsAPrivateFile) {
  const TemporaryDirectory dir;
  Put(dir / "s", "secret", 0400);
  EXPECT_EQ(ReadSecret(dir / "s")->ExposeSecret(), "secret");
}

TEST(ReadSecret, RefusesEveryModeThatLetsOthersInAndNamesTheChmod) {
  const TemporaryDirectory dir;
  for (const mode_t bits : {0404, 0402, 0401, 0440, 0420, 0410, 0644, 0666, 0777}) {
    Put(dir / "s", "secret", bits);
    const auto refused = ReadSecret(dir / "s");
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << std::oct << bits;
    EXPECT_EQ(base::NextOf(refused.status()), "chmod 0400 " + (dir / "s"));
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("secret\n")));
  }
}

TEST(ReadSecret, LetsTheGroupReadOnlyWhenAllowed) {
  const TemporaryDirectory dir;
  Put(dir / "s", "secret", 0640);
  EXPECT_TRUE(ReadSecret(dir / "s", {.allow_group_read = true}).ok());
  for (const mode_t bits : {0660, 0650, 0644, 0642, 0641}) {
    Put(dir / "s", "secret", bits);
    EXPECT_FALSE(ReadSecret(dir / "s", {.allow_group_read = true}).ok()) << std::oct << bits;
  }
}

TEST(ReadSecret, RefusesAFileOfAnotherUserAndNamesTheChown) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const TemporaryDirectory dir;
  Put(dir / "s", "secret", 0400);
  ASSERT_EQ(chown((dir / "s").c_str(), 12345, 0), 0);
  const auto refused = ReadSecret(dir / "s");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::NextOf(refused.status()), "chown 0 " + (dir / "s"));
}

TEST(ReadSecret, RefusesASymbolicLinkUnlessAllowed) {
  const TemporaryDirectory dir;
  Put(dir / "s", "secret", 0400);
  ASSERT_EQ(symlink((dir / "s").c_str(), (dir / "link").c_str()), 0);
  EXPECT_EQ(ReadSecret(dir / "link").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(ReadSecret(dir / "link", {.allow_symlink = true}).ok());
  // The target is judged by the same rules.
  Put(dir / "s", "secret", 0644);
  EXPECT_FALSE(ReadSecret(dir / "link", {.allow_symlink = true}).ok());
}

TEST(ReadSecret, RefusesAPipeAndAFileOverTheLimit) {
  const TemporaryDirectory dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(ReadSecret(dir / "fifo").ok());
  Put(dir / "s", std::string(101, 'x'), 0400);
  EXPECT_FALSE(ReadSecret(dir / "s", {}, 100).ok());
}

TEST(WriteAtomically, CreatesWithTheModeWhateverTheUmask) {
  const TemporaryDirectory dir;
  const mode_t before = umask(0077);
  EXPECT_TRUE(WriteAtomically(dir / "f", "one", {.mode = 0644}).ok());
  umask(0);
  EXPECT_TRUE(WriteAtomically(dir / "s", "two", {.mode = 0400}).ok());
  umask(before);
  EXPECT_EQ(ModeOf(dir / "f"), 0644u);
  EXPECT_EQ(ModeOf(dir / "s"), 0400u);
  EXPECT_EQ(*Read(dir / "f"), "one");
  EXPECT_EQ(EntriesOf(dir.path()), 2u);
}

TEST(WriteAtomically, GivesTheFileToTheOwnerAsked) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const TemporaryDirectory dir;
  ASSERT_TRUE(WriteAtomically(dir / "f", "one", {.mode = 0640, .owner = 12345, .group = 54321}).ok());
  struct stat info = {};
  ASSERT_EQ(stat((dir / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_gid, 54321u);
}

TEST(WriteAtomically, ReplacesALinkAndNotWhatItPointsTo) {
  const TemporaryDirectory dir;
  Put(dir / "target", "untouched");
  ASSERT_EQ(symlink((dir / "target").c_str(), (dir / "f").c_str()), 0);
  ASSERT_TRUE(WriteAtomically(dir / "f", "new").ok());
  EXPECT_EQ(*Read(dir / "target"), "untouched");
  EXPECT_EQ(*Read(dir / "f"), "new");
}

TEST(WriteAtomically, NeverReplacesWhenExclusive) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(WriteAtomically(dir / "f", "first", {.exclusive = true}).ok());
  EXPECT_EQ(WriteAtomically(dir / "f", "second", {.exclusive = true}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*Read(dir / "f"), "first");
  EXPECT_EQ(EntriesOf(dir.path()), 1u);
}

TEST(WriteAtomically, SaysWhenTheDirectoryIsMissingOrThePathIsADirectory) {
  const TemporaryDirectory dir;
  EXPECT_EQ(WriteAtomically(dir / "none/f", "x").code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(mkdir((dir / "d").c_str(), 0700), 0);
  EXPECT_FALSE(WriteAtomically(dir / "d", "x").ok());
  EXPECT_FALSE(WriteAtomically(dir / "d/", "x").ok());
  EXPECT_EQ(EntriesOf(dir.path()), 1u);
}

// A full disk leaves the old content, no rubbish, and names the path.
TEST(WriteAtomically, LeavesTheOldContentWhenTheDiskIsFull) {
  const TemporaryDirectory dir;
  if (mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "mount is not permitted here";
  EXPECT_TRUE(WriteAtomically(dir / "f", "old").ok());
  const absl::Status full = WriteAtomically(dir / "f", std::string(1 << 20, 'x'));
  const auto kept = Read(dir / "f");
  const std::size_t entries = EntriesOf(dir.path());
  umount2(dir.path().c_str(), MNT_DETACH);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr(dir / "f"));
  EXPECT_EQ(*kept, "old");
  EXPECT_EQ(entries, 1u);
}

TEST(WriteAtomically, LeavesTheOldContentWhenAFileMayNotGrow) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(WriteAtomically(dir / "f", "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(absl::IsResourceExhausted(WriteAtomically(dir / "f", std::string(5000, 'x'))) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(*Read(dir / "f"), "old");
  EXPECT_EQ(EntriesOf(dir.path()), 1u);
}

// Whenever the writer is killed, a reader sees one whole content.
TEST(WriteAtomically, IsWholeAfterAKillAtAnyMoment) {
  const TemporaryDirectory dir;
  const std::string path = dir / "f";
  ASSERT_TRUE(WriteAtomically(path, std::string(30000, 'a')).ok());
  for (int round = 0; round < 60; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (char letter = 'b';; letter = letter == 'z' ? 'b' : static_cast<char>(letter + 1)) {
        if (!WriteAtomically(path, std::string(30000, letter)).ok()) _exit(1);
      }
    }
    for (int look = 0; look < 20; ++look) {
      usleep(50 + static_cast<useconds_t>(37 * round % 400));
      const auto seen = Read(path);
      ASSERT_TRUE(seen.ok()) << seen.status();
      ASSERT_EQ(seen->size(), 30000u);
      ASSERT_EQ(seen->find_first_not_of((*seen)[0]), std::string::npos);
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(Read(path)->size(), 30000u);
  }
}

TEST(RemoveTemporaries, RemovesWhatAKilledWriterLeft) {
  const TemporaryDirectory dir;
  const std::string path = dir / "key.pem";
  ASSERT_TRUE(WriteAtomically(path, "old").ok());
  std::size_t left = 1;
  for (int round = 0; round < 2000 && left == 1; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      while (WriteAtomically(path, std::string(30000, 'k')).ok()) {
      }
      _exit(1);
    }
    usleep(1000 + static_cast<useconds_t>(37 * round % 400));
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    left = EntriesOf(dir.path());
  }
  ASSERT_EQ(left, 2u);
  EXPECT_TRUE(RemoveTemporaries(path).ok());
  EXPECT_EQ(EntriesOf(dir.path()), 1u);
  EXPECT_TRUE(Exists(path));
}

TEST(RemoveTemporaries, LeavesEveryOtherName) {
  const TemporaryDirectory dir;
  const std::vector<std::string> others = {
      "key.pem",        ".key.pem",         ".key.pem.",     ".key.pem.aB3xY", ".key.pem.aB3xYzz",  ".key.pem.aB3-Yz",
      "key.pem.aB3xYz", ".key.pem2.aB3xYz", ".other.aB3xYz", ".key.pem.lock",  ".key.pem.x.aB3xYz", ".key-pem.aB3xYz"};
  for (const std::string& other : others) Put(dir / other, "");
  Put(dir / ".key.pem.aB3xYz", "secret", 0400);
  ASSERT_EQ(mkdir((dir / ".key.pem.direct").c_str(), 0700), 0);
  ASSERT_EQ(symlink("key.pem", (dir / ".key.pem.linked").c_str()), 0);
  ASSERT_TRUE(RemoveTemporaries(dir / "key.pem").ok());
  EXPECT_FALSE(Exists(dir / ".key.pem.aB3xYz"));
  for (const std::string& other : others) EXPECT_TRUE(Exists(dir / other)) << other;
  EXPECT_EQ(EntriesOf(dir.path()), others.size() + 2);
}

TEST(RemoveTemporaries, IsOkWithNothingToRemoveAndRefusesANameThatSharesItsTemporaries) {
  const TemporaryDirectory dir;
  EXPECT_TRUE(RemoveTemporaries(dir / "f").ok());
  EXPECT_TRUE(RemoveTemporaries(dir / "none/f").ok());
  EXPECT_TRUE(RemoveTemporaries(dir / std::string(200, 'x')).ok());
  EXPECT_EQ(RemoveTemporaries(dir / std::string(201, 'x')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RemoveTemporaries(dir / "d/").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RemoveTemporaries("").code(), absl::StatusCode::kInvalidArgument);
}

TEST(MakeDirectories, GivesEveryDirectoryThatItMakesItsModeWhateverTheUmask) {
  const TemporaryDirectory dir;
  ASSERT_EQ(mkdir((dir / "there").c_str(), 0711), 0);
  for (const mode_t mask : {0077, 0027, 0777, 0}) {
    const std::string base = dir / ("there/" + std::to_string(mask));
    const mode_t before = umask(mask);
    EXPECT_TRUE(MakeDirectories(base + "/b/c", 0770).ok());
    umask(before);
    EXPECT_EQ(ModeOf(base), 0755u) << mask;
    EXPECT_EQ(ModeOf(base + "/b"), 0755u) << mask;
    EXPECT_EQ(ModeOf(base + "/b/c"), 0770u) << mask;
    EXPECT_TRUE(MakeDirectories(base + "/b/c/", 0770).ok());
  }
  EXPECT_EQ(ModeOf(dir / "there"), 0711u);
}

TEST(MakeDirectories, FollowsALinkAmongTheParents) {
  const TemporaryDirectory dir;
  ASSERT_EQ(mkdir((dir / "there").c_str(), 0700), 0);
  ASSERT_EQ(symlink("there", (dir / "link").c_str()), 0);
  EXPECT_TRUE(MakeDirectories(dir / "link/a", 0750).ok());
  EXPECT_EQ(ModeOf(dir / "there/a"), 0750u);
  EXPECT_EQ(ModeOf(dir / "there"), 0700u);
}

TEST(MakeDirectories, LeavesTheModeOfADirectoryThatExists) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(MakeDirectories(dir / "a", 0700).ok());
  ASSERT_TRUE(MakeDirectories(dir / "a", 0755).ok());
  EXPECT_EQ(ModeOf(dir / "a"), 0700u);
}

TEST(MakeDirectories, RefusesALinkOrAFileInItsPlace) {
  const TemporaryDirectory dir;
  Put(dir / "file", "");
  ASSERT_EQ(symlink("/tmp", (dir / "link").c_str()), 0);
  EXPECT_EQ(MakeDirectories(dir / "file", 0700).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MakeDirectories(dir / "link", 0700).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(MakeDirectories(dir / "file/below", 0700).ok());
}

TEST(Remove, IsOkWhenTheFileIsGone) {
  const TemporaryDirectory dir;
  Put(dir / "f", "");
  EXPECT_TRUE(Exists(dir / "f"));
  EXPECT_TRUE(Remove(dir / "f").ok());
  EXPECT_FALSE(Exists(dir / "f"));
  EXPECT_TRUE(Remove(dir / "f").ok());
  EXPECT_FALSE(Remove(dir.path()).ok());
}

TEST(Exists, SeesALinkThatPointsNowhere) {
  const TemporaryDirectory dir;
  ASSERT_EQ(symlink("/nowhere", (dir / "link").c_str()), 0);
  EXPECT_TRUE(Exists(dir / "link"));
}

}  // namespace
}  // namespace signet::files
