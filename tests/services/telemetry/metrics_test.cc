#include "services/telemetry/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/telemetry/labels.h"

namespace signet::telemetry {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What an HTTP client on this host gets.
std::string Fetch(int port, const std::string& path, const std::string& method = "GET") {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = absl::StrCat(method, " ", path, " HTTP/1.0\r\n\r\n");
    if (::write(fd, request.data(), request.size()) > 0) {
      char buffer[4096];
      for (ssize_t size; (size = ::read(fd, buffer, sizeof(buffer))) > 0;) answer.append(buffer, size);
    }
  }
  ::close(fd);
  return answer;
}

TEST(Metrics, CountsCallsByMethodAndCode) {
  Metrics metrics;
  metrics.CountRpc("CertAuthority.SignCertificate", "OK", absl::Milliseconds(2));
  metrics.CountRpc("CertAuthority.SignCertificate", "OK", absl::Milliseconds(2));
  metrics.CountRpc("CertAuthority.SignCertificate", "UNAVAILABLE", absl::Seconds(6));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_total{code="OK",method="CertAuthority.SignCertificate"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(code="UNAVAILABLE",method="CertAuthority.SignCertificate"} 1)"));
}

TEST(Metrics, MeasuresSecondsAroundSlurmsLimit) {
  Metrics metrics;
  metrics.CountRpc("m", "OK", absl::Milliseconds(4900));
  metrics.CountRpc("m", "OK", absl::Milliseconds(5100));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_bucket{method="m",le="0.001"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_bucket{method="m",le="5"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_bucket{method="m",le="10"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_count{method="m"} 2)"));
}

TEST(Metrics, TellsARefusalFromAFailureOfItsOwn) {
  Metrics metrics;
  metrics.CountCertificate("node", "issued");
  metrics.CountCertificate("node", "repeated");
  metrics.CountCertificate("node", "NODE_BLOCKED");
  metrics.CountCertificate("service", "STORE_UNAVAILABLE");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_certificates_total{profile="node",reason="none",result="issued"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_certificates_total{profile="node",reason="none",result="repeated"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"({profile="node",reason="NODE_BLOCKED",result="refused"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"({profile="service",reason="STORE_UNAVAILABLE",result="failed"} 1)"));
}

TEST(Metrics, ShowsAtZeroWhatAnAlertWaitsFor) {
  const std::string text = Metrics().Text();
  for (const char* line :
       {R"(signet_certificates_total{profile="node",reason="INTERNAL",result="failed"} 0)",
        R"(signet_certificates_total{profile="service",reason="none",result="issued"} 0)",
        R"(signet_refusals_total{reason="TOKEN_UNKNOWN"} 0)", R"(signet_shed_total{reason="OVERLOADED"} 0)",
        R"(signet_store_writes_total{result="failed"} 0)", R"(signet_collections_total{result="failed"} 0)",
        "signet_tls_failures_total 0", "signet_audit_unwritable_total 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Metrics, CountsWhatBecomesOfWrites) {
  Metrics metrics;
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("signet_store_write_ok")));
  metrics.CountWrite(absl::OkStatus(), absl::Milliseconds(3));
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_store_write_ok 1"));
  metrics.CountWrite(absl::ResourceExhaustedError(""), absl::ZeroDuration());
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_store_write_ok 1")) << "what was shed says nothing of the disk";
  metrics.CountWrite(absl::UnavailableError(""), absl::Seconds(1));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("signet_store_write_ok 0"));
  for (const char* result : {"ok", "shed", "failed"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("signet_store_writes_total{result=\"", result, "\"} 1")));
  }
  EXPECT_THAT(text, HasSubstr("signet_store_write_seconds_count 1"));
  EXPECT_THAT(text, HasSubstr(R"(signet_store_write_seconds_bucket{le="0.0025"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_store_write_seconds_bucket{le="0.005"} 1)"));
}

TEST(Metrics, AgesWhatIsPublishedFromTheFirstAttemptOn) {
  base::FakeClock clock(absl::FromUnixSeconds(1000));
  Metrics metrics(clock);
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("signet_publish_")));
  metrics.CountPublish("bundle", "refused");
  clock.Advance(absl::Seconds(60));
  metrics.CountPublish("bundle", "unreachable");
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_publish_age_seconds{kind="bundle"} 60)"));
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_publish_total{kind="bundle",result="conflict"} 0)"));
  metrics.CountPublish("bundle", "ok");
  clock.Advance(absl::Seconds(5));
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_publish_age_seconds{kind="bundle"} 5)"));
  metrics.CountPublish("bundle", "unchanged");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_publish_age_seconds{kind="bundle"} 0)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(kind="service")")));
  EXPECT_THAT(text, HasSubstr(R"(signet_publish_total{kind="bundle",result="refused"} 1)"));
}

TEST(Metrics, NamesVersionAndStart) {
  base::FakeClock clock(absl::FromUnixSeconds(1000));
  Metrics metrics(clock);
  clock.Advance(absl::Hours(1));
  metrics.SetVersion("0.1.0");
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_build_info{version="0.1.0"} 1)"));
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_process_start_time_seconds 1000\n"));
}

TEST(Metrics, CountsOpenFiles) {
  Metrics metrics;
  const auto open = [&metrics] {
    double count = 0;
    for (const absl::string_view line : absl::StrSplit(metrics.Text(), '\n')) {
      if (absl::StartsWith(line, "signet_process_open_fds ")) {
        EXPECT_TRUE(absl::SimpleAtod(line.substr(line.find(' ') + 1), &count));
      }
    }
    return count;
  };
  const double before = open();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(open(), before + 1);
  ::close(fd);
  EXPECT_EQ(open(), before);
}

TEST(Metrics, CountsAValueThatIsOnNoListAsOther) {
  Metrics metrics;
  for (const std::string& reason : {std::string(), std::string("none"), std::string("TOKEN"), std::string("a\nb"),
                                    std::string("\xff"), std::string("a\"} 1"), std::string("OVERLOADED\0", 11)}) {
    metrics.CountRefusal(reason);
  }
  metrics.CountCertificate("root", "issued");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_refusals_total{reason="other"} 7)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_certificates_total{profile="other",reason="none",result="issued"} 1)"));
}

TEST(Metrics, StopsGrowingUnderAFloodOfDifferentWords) {
  base::FakeClock clock(absl::UnixEpoch());
  Metrics metrics(clock);
  for (int i = 0; i < 5000; ++i) metrics.CountRpc(absl::StrCat("M", i), "OK", absl::ZeroDuration());
  Gauges gauges;
  for (int i = 0; i < 5000; ++i) gauges.Set(metric::kNodesByAdapter, {absl::StrCat("v", i)}, 1);
  metrics.Show(GaugeGroup::kInventory, gauges);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_total{code="OK",method="M63"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("\"M64\"")));
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_count{method="other"} 4936)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_nodes_by_adapter{version="other"} 4936)"));
}

TEST(Metrics, AVersionThatWasNamedOnceKeepsNoPlaceFromTheNext) {
  base::FakeClock clock(absl::UnixEpoch());
  Metrics metrics(clock);
  for (int i = 0; i < 200; ++i) {
    Gauges gauges;
    gauges.Set(metric::kNodesByAdapter, {absl::StrCat("v", i)}, 1);
    metrics.Show(GaugeGroup::kInventory, gauges);
    EXPECT_THAT(metrics.Text(), HasSubstr(absl::StrCat("signet_nodes_by_adapter{version=\"v", i, "\"} 1")));
  }
}

TEST(Metrics, ReckonsMomentsWhenSomebodyLooks) {
  base::FakeClock clock(absl::FromUnixSeconds(1000));
  Metrics metrics(clock);
  Gauges gauges;
  gauges.SetUntil(metric::kFirstNodeLost, {}, absl::FromUnixSeconds(1090));
  gauges.SetSince(metric::kRotationStepAge, {}, absl::FromUnixSeconds(900));
  metrics.Show(GaugeGroup::kInventory, gauges);
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_first_node_lost_seconds 90\n"));
  clock.Advance(absl::Seconds(100));
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_first_node_lost_seconds -10\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_rotation_step_age_seconds 200\n"));
}

TEST(Metrics, ReplacesAGroupAndLeavesTheOthers) {
  Metrics metrics;
  Gauges first;
  first.Set(metric::kAuthorityExpires, {"0a1b2c3d", "slurm", "retired"}, 7);
  metrics.Show(GaugeGroup::kRotation, first);
  Gauges other;
  other.Set(metric::kStoreOk, {}, 1);
  metrics.Show(GaugeGroup::kStore, other);
  EXPECT_THAT(metrics.Text(),
              HasSubstr(R"(signet_authority_expires_seconds{authority="0a1b2c3d",purpose="slurm",state="retired"} 7)"));
  metrics.Show(GaugeGroup::kRotation, Gauges());
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("signet_authority_expires_seconds")));
  EXPECT_THAT(metrics.Text(), HasSubstr("signet_store_ok 1"));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&metrics, thread] {
      for (int i = 0; i < 1000; ++i) {
        metrics.CountRpc(absl::StrCat("m", i % 10), "OK", absl::Milliseconds(1));
        if (i % 100 == 0) {
          Gauges gauges;
          gauges.Set(metric::kStoreOk, {}, 1);
          metrics.Show(static_cast<GaugeGroup>(1 + thread % 6), std::move(gauges));
          EXPECT_THAT(metrics.Text(), HasSubstr("signet_store_ok"));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_rpc_total{code="OK",method="m7"} 800)"));
}

TEST(Metrics, ServesItsTextOnAnEphemeralPort) {
  Metrics metrics;
  EXPECT_EQ(metrics.port(), 0);
  ASSERT_EQ(metrics.Serve("127.0.0.1:0"), absl::OkStatus());
  ASSERT_GT(metrics.port(), 0);
  metrics.CountRefusal("OVERLOADED");
  metrics.SetVersion("0.1.0");
  const std::string answer = Fetch(metrics.port(), "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr(R"(signet_refusals_total{reason="OVERLOADED"} 1)"));
  EXPECT_THAT(answer, HasSubstr(R"(signet_build_info{version="0.1.0"} 1)"));
}

TEST(Metrics, AnswersNothingElse) {
  Metrics metrics;
  ASSERT_EQ(metrics.Serve("127.0.0.1:0"), absl::OkStatus());
  for (const char* path : {"/", "/etc/passwd", "/../../etc/passwd", "/metrics/../etc/passwd", "/-/quit", "/debug"}) {
    EXPECT_THAT(Fetch(metrics.port(), path), AnyOf(HasSubstr(" 404 "), HasSubstr(" 400 "))) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE", "CONNECT", "PROPFIND", "MKCOL", "nonsense"}) {
    EXPECT_THAT(Fetch(metrics.port(), "/metrics", method), Not(HasSubstr(" 200 "))) << method;
  }
}

TEST(Metrics, AnswersWhileOthersSayNothing) {
  Metrics metrics;
  ASSERT_EQ(metrics.Serve("127.0.0.1:0"), absl::OkStatus());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(metrics.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> silent;
  for (int i = 0; i < 5; ++i) {
    silent.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(silent.back(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  EXPECT_THAT(Fetch(metrics.port(), "/metrics"), HasSubstr("200 OK"));
  for (const int fd : silent) ::close(fd);
}

TEST(Metrics, RefusesAnAddressThatIsTakenOrNone) {
  Metrics first;
  ASSERT_EQ(first.Serve("127.0.0.1:0"), absl::OkStatus());
  Metrics second;
  const std::string taken = absl::StrCat("127.0.0.1:", first.port());
  const absl::Status status = second.Serve(taken);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(taken));
  EXPECT_EQ(second.port(), 0);
  EXPECT_EQ(second.Serve("no address").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.Serve("").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.Serve("127.0.0.1:0"), absl::OkStatus());
  EXPECT_EQ(second.Serve("127.0.0.1:0").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(LabelLimit, KeepsKnownSetsWhenItIsFull) {
  LabelLimit limit(2);
  EXPECT_THAT(limit.Admit({"a", "b"}), ElementsAre("a", "b"));
  EXPECT_THAT(limit.Admit({"a", "c"}), ElementsAre("a", "c"));
  EXPECT_THAT(limit.Admit({"a", "d"}), ElementsAre("other", "other"));
  EXPECT_THAT(limit.Admit({"a", "b"}), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace signet::telemetry
