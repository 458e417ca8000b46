// Who floods spends its own limit.
#include <map>
#include <string>

#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::testing::SimulatedNode;
using ::testing::SizeIs;

constexpr int kFlood = 200;

class EdgeLimitsTest : public EdgeTest {
 protected:
  EdgeLimitsTest() : EdgeTest({10, 5}) {}
  grpc::Status Validate(const std::string& node, const std::string& token) {
    v1::ValidateNodeRequest request;
    request.set_node(node);
    request.set_token(token);
    v1::ValidateNodeResponse response;
    return Nodes(Controller())->ValidateNode(Soon().get(), request, &response);
  }
};

TEST_F(EdgeLimitsTest, OneNodeGuessesAndFloodsUnderAnothersNameAndTheOtherStillEnrolsAndRenews) {
  const evidence::Token token = world_.MakeToken("n1");
  SimulatedNode n1("n1", world_.clock);
  SimulatedNode thief("n1", world_.clock);
  const evidence::Token guess{"alpha", "n1", "slurmd", evidence::TokenKind::kSingleUse, SimulatedNode::NewKey(), ""};
  std::map<std::string, int> reasons;
  const auto flood = [&] {
    for (int i = 0; i < kFlood; ++i) ++reasons[ReasonOf(Sign(Controller(), thief.Ask(&guess)))];
  };
  flood();
  EXPECT_TRUE(Sign(Controller(), n1.Ask(&token)).ok());
  flood();
  EXPECT_TRUE(Sign(Controller(), n1.Ask()).ok());
  EXPECT_EQ(reasons[base::kTokenUnknown], 5);
  EXPECT_EQ(reasons[base::kTooManyRequests], 2 * kFlood - 5);

  // What was let through is audited one by one and kept up to the bound; the rest is one record.
  EXPECT_THAT(Refusals(), SizeIs(5));
  EXPECT_EQ(Explain("n1").refusals_size(), store::kRefusalsKept);
  calls_->Summarise();
  ASSERT_THAT(Refusals(), SizeIs(6));
  EXPECT_EQ(Refusals().back().action(), "request.shed");
  EXPECT_EQ(Refusals().back().facts().at(base::kTooManyRequests), std::to_string(2 * kFlood - 5));
}

TEST_F(EdgeLimitsTest, GuessingScriptTokensShedsOnlyTheUnverified) {
  const evidence::Token token = world_.MakeToken("n1");
  SimulatedNode n1("n1", world_.clock);
  int shed = 0;
  for (int i = 0; i < kFlood; ++i) {
    const grpc::Status status = Validate("n1", "guess " + std::to_string(i));
    EXPECT_FALSE(status.ok());
    if (ReasonOf(status) == base::kTooManyRequests) {
      ++shed;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    }
  }
  EXPECT_EQ(shed, kFlood - 5);
  const auto request = n1.Ask(&token);
  EXPECT_TRUE(Validate("n1", request.script_token).ok());
  EXPECT_TRUE(Sign(Controller(), request).ok());
}

TEST_F(EdgeLimitsTest, ANodeThatFloodsWithItsOwnKeyIsShedAlone) {
  const evidence::Token token1 = world_.MakeToken("n1");
  const evidence::Token token2 = world_.MakeToken("n2");
  SimulatedNode n1("n1", world_.clock);
  SimulatedNode n2("n2", world_.clock);
  ASSERT_TRUE(Sign(Controller(), n1.Ask(&token1)).ok());
  ASSERT_TRUE(Sign(Controller(), n2.Ask(&token2)).ok());
  int shed = 0;
  for (int i = 0; i < 40; ++i) {
    if (ReasonOf(Sign(Controller(), n1.Ask())) == base::kTooManyRequests) ++shed;
  }
  EXPECT_GE(shed, 25);
  EXPECT_TRUE(Sign(Controller(), n2.Ask()).ok());
  // The unverified have their own.
  SimulatedNode stranger("n3", world_.clock);
  EXPECT_EQ(ReasonOf(Sign(Controller(), stranger.Ask())), base::kIdentityUnknown);
  world_.clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(Sign(Controller(), n1.Ask()).ok());
}

TEST_F(EdgeLimitsTest, HealthStaysGreenWhileRequestsAreShed) {
  SimulatedNode stranger("n1", world_.clock);
  for (int i = 0; i < 20; ++i) Sign(Controller(), stranger.Ask());
  EXPECT_EQ(ReasonOf(Sign(Controller(), stranger.Ask())), base::kTooManyRequests);
  EXPECT_TRUE(Healthy(Admin()));
  EXPECT_TRUE(Healthy(Controller()));
  EXPECT_TRUE(Healthy(Network()));
}

}  // namespace
}  // namespace signet::rpc
