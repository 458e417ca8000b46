// What a node's requests spend before they cost anything.
#include <string>
#include <vector>

#include "services/enrollment/node_certificates.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::testing::NodeRequest;

// A Kubernetes API that knows nobody, and counts how often it is asked.
class Counting final : public PodReviewer {
 public:
  absl::StatusOr<ReviewedPod> Review(absl::string_view) override {
    ++asked;
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kPodRefused, "no such pod");
  }
  int asked = 0;
};

class NodeLimitsTest : public EnrollmentTest {
 protected:
  // From now on these limits.
  void Limit(const RequestRates& rates) {
    world_.request_rates = rates;
    world_.Restart();
  }
};

TEST_F(NodeLimitsTest, KubernetesIsNotAskedWhileTheSharedLimitIsSpent) {
  Counting kubernetes;
  world_.pods = &kubernetes;
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 2});
  node_.kubernetes_token = "guess";
  for (int i = 0; i < 50; ++i) static_cast<void>(Refused(node_.Ask()));
  EXPECT_EQ(kubernetes.asked, 2);
  world_.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Refused(node_.Ask()), base::kPodRefused);
}

TEST_F(NodeLimitsTest, WhatIsTooLargeToReadSpendsTheSharedLimit) {
  Limit({.requests_per_key_per_minute = 10, .unproven_failures_per_minute = 5});
  const auto sign = [&](std::size_t bytes) {
    return base::ReasonOf(world_.node_certificates->Sign(std::string(bytes, 'x'), world_.origin).status());
  };
  const auto validate = [&](std::size_t name_bytes, std::size_t token_bytes) {
    return base::ReasonOf(
        world_.node_certificates->Validate(std::string(name_bytes, 'n'), std::string(token_bytes, 'x')));
  };
  EXPECT_EQ(sign(kMaxNodeCsrBytes + 1), base::kMalformed);
  EXPECT_EQ(sign(0), base::kMalformed);
  EXPECT_EQ(validate(2, kMaxScriptTokenBytes + 1), base::kMalformed);
  EXPECT_EQ(validate(kMaxNodeNameBytes + 1, 9), base::kMalformed);
  EXPECT_EQ(validate(0, 9), base::kMalformed);
  EXPECT_EQ(sign(kMaxNodeCsrBytes + 1), base::kTooManyRequests);
  EXPECT_EQ(validate(2, 0), base::kTooManyRequests);
}

TEST_F(NodeLimitsTest, OldRequestsShareOneLimitHoweverManyWereCaptured) {
  Enrol();
  std::vector<NodeRequest> captured;
  for (int i = 0; i < 4; ++i) {
    captured.push_back(node_.Ask());
    ASSERT_EQ(Refused(captured.back()), "");
  }
  Limit({.requests_per_key_per_minute = 2, .unproven_failures_per_minute = 100});
  EXPECT_EQ(Refused(captured[0]), "");
  EXPECT_EQ(Refused(captured[1]), "");
  EXPECT_EQ(Refused(captured[2]), base::kTooManyRequests);
  EXPECT_EQ(Refused(captured[3]), "") << "the newest is the node's own";
  EXPECT_EQ(Refused(node_.Ask()), "");
}

}  // namespace
}  // namespace signet::enrollment
