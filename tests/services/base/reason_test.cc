#include "services/base/reason.h"

#include "gtest/gtest.h"

namespace signet::base {
namespace {

TEST(Refusal, CarriesItsReasonAndTheNextCommandBesideTheMessage) {
  const absl::Status status =
      Refusal(absl::StatusCode::kPermissionDenied, kTokenExpired, "the token expired", "signetctl token create n1");
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_EQ(status.message(), "the token expired");
  EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
  EXPECT_EQ(NextOf(status), "signetctl token create n1");
}

TEST(Refusal, WithoutANextCommandHasNone) {
  EXPECT_EQ(NextOf(Refusal(absl::StatusCode::kNotFound, kNotFound, "no such node")), "");
}

TEST(ReasonOf, IsEmptyForAStatusThatNobodyRefused) {
  EXPECT_EQ(ReasonOf(absl::InternalError("broken")), "");
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_EQ(NextOf(absl::OkStatus()), "");
}

}  // namespace
}  // namespace signet::base
