// slurmctld was away, and slurmd sends the one request that it made before.
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "tests/contract/faulty_node.h"

namespace signet::contract {
namespace {

class ResentRequest : public testing::Test {
 protected:
  ResentRequest() { cluster_.WriteBundle(); }

  // What sign_csr says to a request that the node made that long ago.
  std::string AnswerAfter(absl::Duration age) {
    node_.CreateToken();
    return node_.SignCsrSays(node_.ForgedCsr([age](evidence::Statement& statement) {
      statement.issued_at -= age;
      statement.expires_at -= age;
      statement.seq = static_cast<uint64_t>(absl::ToUnixMillis(statement.issued_at));
    }));
  }

  const TestCluster cluster_;
  const FaultyNode node_{cluster_, "n001"};
};

TEST_F(ResentRequest, IsGoodAfterTwoHoursADayAndAlmostAWeek) {
  for (const absl::Duration age : {absl::Hours(2), absl::Hours(24), absl::Hours(24 * 7 - 1)}) {
    const std::string answer = AnswerAfter(age);
    EXPECT_TRUE(absl::StartsWith(answer, "-----BEGIN CERTIFICATE-----\n")) << age << ": " << answer;
  }
}

TEST_F(ResentRequest, IsRefusedAfterAWeekAndARestartHeals) {
  EXPECT_TRUE(absl::StrContains(AnswerAfter(absl::Hours(24 * 7 + 1)), "expired"));
  EXPECT_EQ(node_.Enrol(), absl::OkStatus());
}

}  // namespace
}  // namespace signet::contract
