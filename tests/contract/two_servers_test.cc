// A controller whose first server is of no use: both scripts answer with the second one's word before 4 seconds are
// over.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

class TwoServers : public testing::Test {
 protected:
  TwoServers() {
    cluster_.CreateTokens("n001");
    cluster_.WriteBundle();
  }

  // A first enrolment by a slurmctld that asks `first`, then the real server. 4 s are the harness's limit, after which
  // it kills as Slurm does at 5.
  void ExpectAnswersBesides(const std::string& first) {
    WriteAll(cluster_.path("two.yaml"),
             absl::StrCat("cluster: demo\nca_cert_file: ", cluster_.ca_file(), "\nservers: [\"", first,
                          "\", \"unix:", cluster_.controller_socket(), "\"]\n", tls_));
    Scripts controller = cluster_.ScriptsWith("two.yaml");
    controller.call.limit = std::chrono::seconds(4);
    SlurmNode node = cluster_.Node("n001");
    EXPECT_EQ(node.Enrol(Slurmctld(controller)), absl::OkStatus()) << first;
  }
  // A socket that somebody bound and listens on, and nobody accepts from.
  int Listening(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd, 16), 0);
    return fd;
  }
  // The same over TCP, which needs a control certificate; `host_port` is its address.
  int ListeningOnTcp(std::string* host_port) {
    const std::string directory = cluster_.path("run");
    const ScriptResult issued =
        cluster_.Ctl({"client", "issue", "head1", "--role", "controller", "--out-dir", directory});
    EXPECT_TRUE(issued.exited_zero()) << issued.Describe();
    tls_ = absl::StrCat("tls: {cert: ", directory, "/control.pem, key: ", directory, "/control.key, ca: ", directory,
                        "/control_ca.pem}\n");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd, 16), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    *host_port = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    return fd;
  }

  TestCluster cluster_;
  std::string tls_;
};

TEST_F(TwoServers, TheFirstRefuses) {
  const std::string path = cluster_.path("dead.sock");
  close(Listening(path));  // the file stays
  ExpectAnswersBesides("unix:" + path);
}

TEST_F(TwoServers, TheFirstIsNotThere) { ExpectAnswersBesides("unix:" + cluster_.path("absent.sock")); }

TEST_F(TwoServers, TheFirstIsABlackHole) {
  const int silent = Listening(cluster_.path("silent.sock"));
  ExpectAnswersBesides("unix:" + cluster_.path("silent.sock"));
  close(silent);
}

TEST_F(TwoServers, TheFirstAcceptsAndHangsUp) {
  const int listener = Listening(cluster_.path("rude.sock"));
  std::thread rude([listener] {
    for (int fd = accept(listener, nullptr, nullptr); fd >= 0; fd = accept(listener, nullptr, nullptr)) close(fd);
  });
  ExpectAnswersBesides("unix:" + cluster_.path("rude.sock"));
  shutdown(listener, SHUT_RDWR);
  rude.join();
  close(listener);
}

// A machine that died with its connections open: they are accepted, read, and never answered.
TEST_F(TwoServers, TheFirstIsHalfOpen) {
  const int listener = Listening(cluster_.path("half.sock"));
  std::vector<int> held;
  std::thread reader([&] {
    for (int fd = accept(listener, nullptr, nullptr); fd >= 0; fd = accept(listener, nullptr, nullptr)) {
      char byte[64];
      EXPECT_GE(read(fd, byte, sizeof(byte)), 0);
      held.push_back(fd);
    }
  });
  ExpectAnswersBesides("unix:" + cluster_.path("half.sock"));
  shutdown(listener, SHUT_RDWR);
  reader.join();
  close(listener);
  for (const int fd : held) close(fd);
}

TEST_F(TwoServers, TheFirstIsABlackHoleOnTheNetwork) {
  std::string address;
  const int silent = ListeningOnTcp(&address);
  ExpectAnswersBesides(address);
  close(silent);
}

TEST_F(TwoServers, TheFirstRefusesOnTheNetwork) {
  std::string address;
  close(ListeningOnTcp(&address));
  ExpectAnswersBesides(address);
}

}  // namespace
}  // namespace signet::contract
