#include "clients/probe/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/policy/profile.h"
#include "tests/clients/probe/fake_daemon.h"
#include "tests/testing/test_root.h"

namespace signet::clients {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Nothing may depend on how fast this machine is: whoever answers has long enough, and only silence takes its time.
constexpr absl::Duration kLongEnough = absl::Minutes(5);
constexpr absl::Duration kSilence = absl::Seconds(3);

class ProbeTest : public ::testing::Test {
 protected:
  static keys::PrivateKey NewKey() { return Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256)); }
  static x509::Certificate Leaf(const TestRoot& root, const std::string& name, const keys::PrivateKey& key) {
    base::SystemRandom random;
    return SignTemplate(Must(policy::LeafTemplate(policy::NodeProfile(), {name, {name}, {}}, key.public_key(),
                                                  root.certificate, random.Bytes(20), absl::Now())),
                        root.key);
  }
  // A daemon that trusts `anchor` and serves a certificate of ours.
  std::unique_ptr<FakeDaemon> Daemon(Manner manner, const TestRoot& anchor, int version = TLS1_3_VERSION) {
    return std::make_unique<FakeDaemon>(DaemonSetup{manner, version, anchor.certificate, served_, served_key_});
  }
  ProbeAnswer Ask(uint16_t port, absl::Duration limit, const std::string& host = "127.0.0.1") {
    return Probe().Ask({{host, port, "n1"}}, {.per_host = limit, .parallel = 256}, nullptr).front();
  }
  clients::Probe Probe() const { return ProbeWith({ours_.certificate}); }
  clients::Probe ProbeWith(std::vector<x509::Certificate> anchors) const {
    return Must(clients::Probe::Create(Leaf(ours_, "signet-probe", key_).pem(), key_, std::move(anchors)));
  }

  // Equal subjects, as a careless rotation makes them.
  const TestRoot ours_ = MakeTestRoot(absl::Now());
  const TestRoot other_ = MakeTestRoot(absl::Now());
  const keys::PrivateKey key_ = NewKey();
  const keys::PrivateKey served_key_ = NewKey();
  const x509::Certificate served_ = Leaf(ours_, "n1", served_key_);
};

TEST_F(ProbeTest, WhoTrustsTheAuthorityAnswersJunk) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Manner manner : {Manner::kS2n, Manner::kOpenssl}) {
      const auto daemon = Daemon(manner, ours_, version);
      const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
      EXPECT_EQ(answer.verdict, ProbeVerdict::kTrusted) << answer.detail;
      EXPECT_EQ(answer.detail, "");
    }
  }
}

TEST_F(ProbeTest, WhoShowsAnothersCertificateIsAnotherHost) {
  for (const Manner manner : {Manner::kS2n, Manner::kOpenssl}) {
    const auto daemon = Daemon(manner, ours_);
    const auto answers = Probe().Ask({{"127.0.0.1", daemon->port(), "n2"}, {"127.0.0.1", daemon->port()}},
                                     {.per_host = kLongEnough, .parallel = 2}, nullptr);
    for (const ProbeAnswer& answer : answers) {
      EXPECT_EQ(answer.verdict, ProbeVerdict::kAnother);
      EXPECT_THAT(answer.detail, HasSubstr("it is for n1"));
      EXPECT_EQ(answer.served_serial, served_.serial());
    }
  }
}

TEST_F(ProbeTest, WhoseCertificateNoAnchorVerifiesIsAnotherHost) {
  // Of equal names: only the key tells them apart.
  const auto forger = Daemon(Manner::kS2n, ours_);
  for (const auto& anchors : {std::vector<x509::Certificate>{other_.certificate}, std::vector<x509::Certificate>{}}) {
    const ProbeAnswer answer =
        ProbeWith(anchors)
            .Ask({{"127.0.0.1", forger->port(), "n1"}}, {.per_host = kLongEnough, .parallel = 1}, nullptr)
            .front();
    EXPECT_EQ(answer.verdict, ProbeVerdict::kAnother);
    EXPECT_NE(answer.detail, "");
  }
}

TEST_F(ProbeTest, AnAlertIsARefusalHoweverLateItComes) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto daemon = Daemon(Manner::kOpenssl, other_, version);
    const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
    EXPECT_EQ(answer.verdict, ProbeVerdict::kRefused);
    EXPECT_THAT(answer.detail, HasSubstr("alert")) << "the daemon's own words";
  }
}

TEST_F(ProbeTest, SilenceIsARefusalFromWhoAskedForACertificate) {
  const auto late = Daemon(Manner::kS2n, other_, TLS1_3_VERSION);
  const auto early = Daemon(Manner::kS2n, other_, TLS1_2_VERSION);
  const auto mute = Daemon(Manner::kMute, ours_);
  const auto answers = Probe().Ask(
      {{"127.0.0.1", late->port(), "n1"}, {"127.0.0.1", early->port(), "n1"}, {"127.0.0.1", mute->port(), "n1"}},
      {kSilence, 3}, nullptr);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(answers[i].verdict, ProbeVerdict::kRefused);
    EXPECT_EQ(answers[i].detail, "silence");
    EXPECT_EQ(answers[i].served_serial, served_.serial());
  }
  EXPECT_EQ(answers[2].verdict, ProbeVerdict::kNoVerdict) << "it may be anything";
  EXPECT_EQ(answers[2].served_serial, "");
}

TEST_F(ProbeTest, ClosingWithoutAnAnswerIsARefusal) {
  const auto daemon = Daemon(Manner::kHangsUp, ours_);
  const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
  EXPECT_EQ(answer.verdict, ProbeVerdict::kRefused);
  EXPECT_NE(answer.detail, "");
}

TEST_F(ProbeTest, WhoAsksForNoCertificateProvesNothingByAnswering) {
  const auto daemon = Daemon(Manner::kAsksNobody, ours_);
  const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
  EXPECT_EQ(answer.verdict, ProbeVerdict::kNoVerdict);
  EXPECT_THAT(answer.detail, HasSubstr("asked for no certificate"));
}

TEST_F(ProbeTest, WhoSpeaksNoTlsGivesNoVerdict) {
  for (const Manner manner : {Manner::kClosesAtOnce, Manner::kGarbage}) {
    const auto daemon = Daemon(manner, ours_);
    const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
    EXPECT_EQ(answer.verdict, ProbeVerdict::kNoVerdict);
    EXPECT_THAT(answer.detail, HasSubstr("no TLS"));
  }
}

TEST_F(ProbeTest, NobodyThereGivesNoVerdict) {
  uint16_t port = 0;
  close(ListenOnLoopback(1, port));
  EXPECT_EQ(Ask(port, kLongEnough).verdict, ProbeVerdict::kNoVerdict);
  const ProbeAnswer unknown = Ask(port, kLongEnough, "no such host");
  EXPECT_EQ(unknown.verdict, ProbeVerdict::kNoVerdict);
  EXPECT_THAT(unknown.detail, HasSubstr("name"));
}

TEST_F(ProbeTest, AHostThatDropsPacketsGivesNoVerdict) {
  uint16_t port = 0;
  const int listener = ListenOnLoopback(0, port);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<int> queue;  // full: what comes next is dropped
  for (int i = 0; i < 4; ++i) {
    queue.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    connect(queue.back(), reinterpret_cast<sockaddr*>(&address), size);
  }
  EXPECT_EQ(Ask(port, absl::Milliseconds(300)).verdict, ProbeVerdict::kNoVerdict);
  for (const int one : queue) close(one);
  close(listener);
}

TEST_F(ProbeTest, TellsWhatTheDaemonServes) {
  const auto daemon = Daemon(Manner::kS2n, ours_);
  const ProbeAnswer answer = Ask(daemon->port(), kLongEnough);
  EXPECT_EQ(answer.served_serial, served_.serial());
  EXPECT_EQ(answer.served_issuer, ours_.certificate.subject());
}

TEST_F(ProbeTest, AsksManyHostsAtOnceAndAnswersInTheirOrder) {
  const auto trusting = Daemon(Manner::kS2n, ours_);
  const auto refusing = Daemon(Manner::kOpenssl, other_);
  uint16_t nobody = 0;
  close(ListenOnLoopback(1, nobody));
  std::vector<ProbeTarget> targets;
  for (int i = 0; i < 100; ++i) {
    for (const uint16_t port : {trusting->port(), refusing->port(), nobody})
      targets.push_back({"127.0.0.1", port, "n1"});
  }
  std::vector<std::size_t> told;
  const auto answers = Probe().Ask(targets, {kLongEnough, 32}, [&](std::size_t done) { told.push_back(done); });
  ASSERT_EQ(answers.size(), targets.size());
  for (std::size_t i = 0; i < answers.size(); i += 3) {
    EXPECT_EQ(answers[i].verdict, ProbeVerdict::kTrusted) << answers[i].detail;
    EXPECT_EQ(answers[i + 1].verdict, ProbeVerdict::kRefused);
    EXPECT_EQ(answers[i + 2].verdict, ProbeVerdict::kNoVerdict);
  }
  ASSERT_EQ(told.size(), targets.size());
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], i + 1);
}

TEST_F(ProbeTest, NoTargetsNoAnswers) { EXPECT_THAT(Probe().Ask({}, {}, nullptr), ElementsAre()); }

TEST_F(ProbeTest, RefusesAnotherKeysCertificateAndWhatIsNone) {
  EXPECT_FALSE(clients::Probe::Create(Leaf(ours_, "signet-probe", key_).pem(), served_key_, {}).ok());
  EXPECT_FALSE(clients::Probe::Create("nothing", key_, {}).ok());
  EXPECT_FALSE(clients::Probe::Create("", key_, {}).ok());
}

}  // namespace
}  // namespace signet::clients
