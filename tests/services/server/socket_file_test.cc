#include "services/server/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace signet::server {
namespace {

using ::testing::HasSubstr;

class SocketFileTest : public ::testing::Test {
 protected:
  SocketFileTest() {
    std::string pattern = "/tmp/signet-socket-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    listener_.path = folder_ + "/s.sock";
  }
  ~SocketFileTest() override {
    for (const int fd : fds_) close(fd);
  }

  // A socket file; `listening`: with somebody behind it.
  void Bind(bool listening) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    listener_.path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    if (listening) {
      ASSERT_EQ(listen(fd, 1), 0);
      fds_.push_back(fd);
    } else {
      close(fd);
    }
  }
  bool Exists() const {
    struct stat found = {};
    return lstat(listener_.path.c_str(), &found) == 0;
  }
  mode_t ModeOf() const {
    struct stat found = {};
    EXPECT_EQ(lstat(listener_.path.c_str(), &found), 0);
    return found.st_mode & 07777;
  }

  std::string folder_;
  SocketListener listener_;
  std::vector<int> fds_;
};

TEST_F(SocketFileTest, AFreePathIsFine) { EXPECT_TRUE(PrepareSocketPath(listener_).ok()); }

TEST_F(SocketFileTest, MakesAMissingFolder) {
  listener_.path = folder_ + "/run/s.sock";
  ASSERT_TRUE(PrepareSocketPath(listener_).ok());
  struct stat found = {};
  ASSERT_EQ(stat((folder_ + "/run").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0022, 0u);
}

TEST_F(SocketFileTest, RemovesASocketThatNobodyAnswersAt) {
  Bind(false);
  EXPECT_TRUE(PrepareSocketPath(listener_).ok());
  EXPECT_FALSE(Exists());
}

TEST_F(SocketFileTest, LeavesALiveServerAlone) {
  Bind(true);
  EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("another server answers"));
  EXPECT_TRUE(Exists());
}

TEST_F(SocketFileTest, LeavesAnythingThatIsNoSocketAlone) {
  std::ofstream(listener_.path) << "precious";
  EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("is not a socket"));
  EXPECT_TRUE(Exists());
  unlink(listener_.path.c_str());
  ASSERT_EQ(symlink("/nonexistent", listener_.path.c_str()), 0);
  EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("is not a socket"));
  EXPECT_TRUE(Exists());
}

TEST_F(SocketFileTest, RefusesAFolderWhereOthersCouldPutASocket) {
  for (const mode_t mode : {0777, 0775, 01777}) {
    ASSERT_EQ(chmod(folder_.c_str(), mode), 0);
    EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("others could put a socket")) << mode;
  }
}

TEST_F(SocketFileTest, RefusesAFolderBehindASymbolicLinkOrOfAnotherUser) {
  ASSERT_EQ(symlink(folder_.c_str(), (folder_ + "/link").c_str()), 0);
  listener_.path = folder_ + "/link/s.sock";
  EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("symbolic link"));
  if (geteuid() != 0) GTEST_SKIP() << "giving a folder away takes root";
  ASSERT_EQ(mkdir((folder_ + "/theirs").c_str(), 0755), 0);
  ASSERT_EQ(chown((folder_ + "/theirs").c_str(), 12345, 12345), 0);
  listener_.path = folder_ + "/theirs/s.sock";
  EXPECT_THAT(PrepareSocketPath(listener_).message(), HasSubstr("belongs to user 12345"));
}

TEST_F(SocketFileTest, ASocketIsBornForItsOwnerAlone) {
  {
    const SocketUmask umask;
    Bind(false);
  }
  EXPECT_EQ(ModeOf(), 0600u);
}

TEST_F(SocketFileTest, GivesTheSocketItsMode) {
  Bind(false);
  listener_.mode = 0660;
  bool owner_only = true;
  ASSERT_TRUE(OpenSocketTo(listener_, &owner_only).ok());
  EXPECT_FALSE(owner_only);
  EXPECT_EQ(ModeOf(), 0660u);
}

TEST_F(SocketFileTest, AMissingDefaultGroupLeavesTheSocketToItsOwner) {
  Bind(false);
  listener_.mode = 0660;
  listener_.group = "no-such-group-here";
  listener_.group_required = false;
  bool owner_only = false;
  ASSERT_TRUE(OpenSocketTo(listener_, &owner_only).ok());
  EXPECT_TRUE(owner_only);
  EXPECT_EQ(ModeOf(), 0600u);
}

TEST_F(SocketFileTest, AMissingConfiguredGroupIsAnError) {
  Bind(false);
  listener_.group = "no-such-group-here";
  bool owner_only = false;
  EXPECT_THAT(OpenSocketTo(listener_, &owner_only).message(), HasSubstr("there is no group no-such-group-here"));
}

}  // namespace
}  // namespace signet::server
