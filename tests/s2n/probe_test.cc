// The probe, asked of a daemon that speaks TLS by s2n, as slurmd and slurmctld do.
#include "clients/probe/probe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "tests/clients/probe/fake_daemon.h"
#include "tests/s2n/verdict.h"

namespace signet::clients {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::PemOf;
using ::signet::testing::S2nEnd;
using ::signet::testing::S2nFiles;
using ::signet::testing::ShowLeaf;
using ::signet::testing::Shown;
using ::signet::testing::TestRoot;

// One connection, on loopback. It answers junk as Slurm does, and says nothing more once s2n has refused.
class S2nDaemon {
 public:
  explicit S2nDaemon(S2nFiles files) : listener_(ListenOnLoopback(8, port_)) {
    thread_ = std::thread([this, files = std::move(files)] {
      const int socket = accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      Talk(socket, files);
      close(socket);
    });
  }
  ~S2nDaemon() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  S2nDaemon(const S2nDaemon&) = delete;
  S2nDaemon& operator=(const S2nDaemon&) = delete;
  uint16_t port() const { return port_; }

 private:
  static void Talk(int socket, const S2nFiles& files) {
    S2nEnd end(files, S2nEnd::Side::kServer, absl::Now());
    char bytes[4096];
    bool answered = false;
    for (ssize_t size = 0; (size = recv(socket, bytes, sizeof(bytes), 0)) > 0;) {
      end.Feed(absl::string_view(bytes, static_cast<std::size_t>(size)));
      const S2nEnd::State state = end.Negotiate();
      if (state == S2nEnd::State::kFailed) continue;
      if (state == S2nEnd::State::kDone && !answered && !end.Read().empty()) {
        end.Write("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
        answered = true;
      }
      const std::string out = end.Take();
      if (!out.empty() && send(socket, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  uint16_t port_ = 0;
  int listener_;
  std::thread thread_;
};

class S2nProbeTest : public ::testing::Test {
 protected:
  // What a daemon for n1 that trusts `anchors` says to a probe of `asked`, when it shows a certificate of ours.
  ProbeAnswer Ask(const testing::Certificates& anchors, const TestRoot& asked, absl::Duration limit) {
    const absl::Time now = absl::Now();
    const Shown serves = ShowLeaf(ours_.certificate, ours_.key, now);
    const S2nDaemon daemon(Must(S2nFiles::Load(PemOf(anchors), PemOf(serves.chain), PemOf(serves.key))));
    const Shown probe = ShowLeaf(asked.certificate, asked.key, now, {}, policy::ProbeProfile());
    return Must(Probe::Create(PemOf(probe.chain), probe.key, {ours_.certificate}))
        .Ask({{"127.0.0.1", daemon.port(), "n1"}}, {.per_host = limit, .parallel = 1}, nullptr)
        .front();
  }
  const TestRoot ours_ = MakeTestRoot(absl::Now());
  const TestRoot next_ = MakeTestRoot(absl::Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Next CA");
};

TEST_F(S2nProbeTest, ADaemonThatLoadedTheAuthorityAnswers) {
  for (const testing::Certificates& anchors :
       {testing::Certificates{next_.certificate}, testing::Certificates{ours_.certificate, next_.certificate}}) {
    const ProbeAnswer answer = Ask(anchors, next_, absl::Minutes(5));
    EXPECT_EQ(answer.verdict, ProbeVerdict::kTrusted) << answer.detail;
  }
}

TEST_F(S2nProbeTest, ADaemonThatDidNotIsSilent) {
  const ProbeAnswer answer = Ask({ours_.certificate}, next_, absl::Seconds(3));
  EXPECT_EQ(answer.verdict, ProbeVerdict::kRefused);
  EXPECT_EQ(answer.detail, "silence");
}

}  // namespace
}  // namespace signet::clients
