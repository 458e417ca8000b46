#include "services/kubernetes/https_client.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "tests/testing/fake_kubernetes.h"

namespace signet::kubernetes {
namespace {

using testing::Mode;

constexpr char kPath[] = "/api/v1/namespaces/slurm/pods/slurm-worker-0";

Deadline In(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

class HttpsClientTest : public ::testing::Test {
 protected:
  HttpsClientTest() { kubernetes_.Put({}); }

  base::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  testing::FakeKubernetes kubernetes_{clock_};
  HttpsClient client_{{kubernetes_.url(), kubernetes_.ca_file(), kubernetes_.token_file()}};
};

TEST_F(HttpsClientTest, AnAnswerIsReadIntoMemoryThatNeverMoves) {
  const auto answer = client_.Send(kPath, "", In(std::chrono::seconds(60)));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_GE(answer->body.capacity(), kMaxAnswerBytes);
}

TEST_F(HttpsClientTest, RequestsBeyondTheLimitWaitForTheirTurn) {
  kubernetes_.SetMode(Mode::kSlow, absl::Milliseconds(100));
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < kMostRequests + 8; ++i) {
    callers.emplace_back([&] {
      const auto answer = client_.Send(kPath, "", In(std::chrono::seconds(60)));
      if (answer.ok() && answer->status == 200) ++answered;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered, static_cast<int>(kMostRequests + 8));
  EXPECT_LE(kubernetes_.most_at_once(), static_cast<int>(kMostRequests));
}

TEST_F(HttpsClientTest, ARequestThatGetsNoTurnIsRefusedAtItsDeadline) {
  kubernetes_.SetMode(Mode::kSilent);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < kMostRequests; ++i) {
    callers.emplace_back([&] { static_cast<void>(client_.Send(kPath, "", In(std::chrono::seconds(60)))); });
  }
  while (kubernetes_.connections() < static_cast<int>(kMostRequests)) std::this_thread::yield();
  const auto refused = client_.Send(kPath, "", In(std::chrono::milliseconds(50)));
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kKubernetesUnavailable);
  EXPECT_EQ(refused.status().message(), "too many questions wait for the Kubernetes API");
  kubernetes_.SetMode(Mode::kInternalError);
  kubernetes_.Down();
  for (std::thread& caller : callers) caller.join();
}

TEST_F(HttpsClientTest, ADeadlineThatHasPassedAsksNothing) {
  EXPECT_FALSE(client_.Send(kPath, "", In(std::chrono::milliseconds(-1))).ok());
  EXPECT_EQ(kubernetes_.connections(), 0);
}

TEST_F(HttpsClientTest, TheAddressMustBeHttps) {
  HttpsClient plain({"http" + kubernetes_.url().substr(5), kubernetes_.ca_file(), kubernetes_.token_file()});
  EXPECT_FALSE(plain.Send(kPath, "", In(std::chrono::seconds(60))).ok());
}

}  // namespace
}  // namespace signet::kubernetes
