#include "services/telemetry/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/telemetry/labels.h"

namespace signet::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What an HTTP client on this host gets.
std::string Fetch(int port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
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
  metrics.CountRpc("signet.v1.CertAuthority/SignCertificate", "OK", absl::Milliseconds(2));
  metrics.CountRpc("signet.v1.CertAuthority/SignCertificate", "OK", absl::Milliseconds(2));
  metrics.CountRpc("signet.v1.CertAuthority/SignCertificate", "UNAVAILABLE", absl::Seconds(6));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_total{code="OK",method="signet.v1.CertAuthority/SignCertificate"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(code="UNAVAILABLE",method="signet.v1.CertAuthority/SignCertificate"} 1)"));
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

TEST(Metrics, CountsCertificatesAndRefusalsAndNamesTheVersion) {
  Metrics metrics;
  metrics.CountCertificate("node", "issued");
  metrics.CountCertificate("node", "NODE_BLOCKED");
  metrics.CountRefusal("OVERLOADED");
  metrics.SetVersion("0.1.0");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_certificates_total{profile="node",result="issued"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_certificates_total{profile="node",result="NODE_BLOCKED"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_refusals_total{reason="OVERLOADED"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_build_info{version="0.1.0"} 1)"));
}

TEST(Metrics, CountsAValueThatIsNoWordAsOther) {
  Metrics metrics;
  for (const std::string& reason : {std::string(), std::string(65, 'a'), std::string("a b"), std::string("a\nb"),
                                    std::string("\xff"), std::string("a\"} 1"), std::string("a\0", 2)}) {
    metrics.CountRefusal(reason);
  }
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(signet_refusals_total{reason="other"} 7)"));
  metrics.CountRefusal(std::string(64, 'a'));
  EXPECT_THAT(metrics.Text(), HasSubstr(std::string(64, 'a')));
}

TEST(Metrics, StopsGrowingUnderAFloodOfDifferentWords) {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) {
    metrics.CountRefusal(absl::StrCat("R", i));
    metrics.CountRpc(absl::StrCat("M", i), "OK", absl::ZeroDuration());
  }
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr(R"(signet_refusals_total{reason="R511"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("R512")));
  EXPECT_THAT(text, HasSubstr(R"(signet_refusals_total{reason="other"} 4488)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_rpc_seconds_count{method="other"} 4488)"));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) metrics.CountRpc(absl::StrCat("m", i % 10), "OK", absl::Milliseconds(1));
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
  const std::string answer = Fetch(metrics.port(), "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr(R"(signet_refusals_total{reason="OVERLOADED"} 1)"));
  EXPECT_THAT(Fetch(metrics.port(), "/etc/passwd"), HasSubstr("404"));
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
