#include "services/enrollment/request_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::enrollment {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RequestLimitsTest : public ::testing::Test {
 protected:
  // How many of `tries` requests of one key went through.
  int Through(const std::string& key, int tries) {
    int through = 0;
    for (int i = 0; i < tries; ++i) through += limits_.TakeProven(key).ok() ? 1 : 0;
    return through;
  }
  // How many of `tries` refusals were given as they are.
  int Refusals(int tries) {
    int given = 0;
    for (int i = 0; i < tries; ++i) given += limits_.TakeUnproven(Unknown()) == Unknown() ? 1 : 0;
    return given;
  }
  static absl::Status Unknown() {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kTokenUnknown, "no such token");
  }

  base::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  RequestLimits limits_{RequestRates{60, 20}, clock_};
};

TEST_F(RequestLimitsTest, AKeyAsksItsRateAtOnceAndThenItsRateInAMinute) {
  EXPECT_EQ(Through("a", 100), 60);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Through("a", 100), 30);
  clock_.Advance(absl::Hours(5));
  EXPECT_EQ(Through("a", 100), 60);
}

TEST_F(RequestLimitsTest, OneKeysFloodNeverTouchesAnothersRequests) {
  Through("a", 100'000);
  EXPECT_EQ(Through("b", 60), 60);
  EXPECT_EQ(Refusals(20), 20);
}

TEST_F(RequestLimitsTest, WhoeverProvesNothingNeverTouchesWhoProves) {
  EXPECT_EQ(Refusals(100'000), 20);
  EXPECT_EQ(Through("a", 60), 60);
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(Refusals(100), 1) << "what fits in at once is no rate";
  clock_.Advance(absl::Hours(5));
  EXPECT_EQ(Refusals(100), 20);
}

TEST_F(RequestLimitsTest, AskingForRoomTakesNothingAndSaysWhenThereIsNone) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limits_.RoomForUnproven().ok());
  EXPECT_EQ(Refusals(100), 20);
  EXPECT_EQ(base::ReasonOf(limits_.RoomForUnproven()), base::kTooManyRequests);
  EXPECT_EQ(base::NextOf(limits_.RoomForUnproven()), "try again in 3s");
  clock_.Advance(absl::Seconds(3));
  EXPECT_TRUE(limits_.RoomForUnproven().ok());
  EXPECT_EQ(Refusals(100), 1);
}

TEST_F(RequestLimitsTest, TheRefusalNamesTheLimitAndTheWait) {
  RequestLimits slow(RequestRates{6, 2}, clock_);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(slow.TakeProven("a").ok());
  const absl::Status proven = slow.TakeProven("a");
  EXPECT_TRUE(absl::IsResourceExhausted(proven));
  EXPECT_EQ(base::ReasonOf(proven), base::kTooManyRequests);
  EXPECT_THAT(std::string(proven.message()), AllOf(HasSubstr("6 times"), HasSubstr("requests_per_key_per_minute")));
  EXPECT_EQ(base::NextOf(proven), "try again in 10s");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(slow.TakeUnproven(Unknown()), Unknown());
  const absl::Status unproven = slow.TakeUnproven(Unknown());
  EXPECT_EQ(base::ReasonOf(unproven), base::kTooManyRequests);
  EXPECT_THAT(std::string(unproven.message()), HasSubstr("unproven_failures_per_minute"));
  EXPECT_EQ(base::NextOf(unproven), "try again in 30s");
}

TEST_F(RequestLimitsTest, AClockThatIsSetBackNeitherFillsNorStops) {
  EXPECT_EQ(Through("a", 100), 60);
  EXPECT_EQ(Refusals(100), 20);
  clock_.Advance(-absl::Hours(24));
  EXPECT_EQ(Through("a", 100), 0);
  EXPECT_EQ(Refusals(100), 0);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Through("a", 100), 60);
  EXPECT_EQ(Refusals(100), 20);
}

TEST_F(RequestLimitsTest, ForgetsKeysThatRestedAndKeepsThoseThatSpent) {
  for (int i = 0; i < 5000; ++i) EXPECT_TRUE(limits_.TakeProven(absl::StrCat("k", i)).ok());
  EXPECT_LE(limits_.remembered(), 5000u);
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Through("a", 100), 60);
  // 10,000 more keys: those of two minutes ago make room.
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limits_.TakeProven(absl::StrCat("m", i)).ok());
  EXPECT_LE(limits_.remembered(), 10'001u);
  EXPECT_EQ(Through("a", 100), 0);
}

TEST_F(RequestLimitsTest, StaysBoundedAlsoAfterTheClockWasSetBack) {
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 5000; ++i) EXPECT_TRUE(limits_.TakeProven(absl::StrCat(round, "/", i)).ok());
    clock_.Advance(round == 3 ? -absl::Hours(24) : absl::Minutes(2));
  }
  EXPECT_LE(limits_.remembered(), 20'000u);
}

TEST_F(RequestLimitsTest, NewRatesHoldAtOnceAndWhatWasSpentStaysSpent) {
  EXPECT_EQ(Through("a", 30), 30);
  limits_.SetRates({10, 5});
  EXPECT_EQ(Through("a", 100), 10);
  EXPECT_EQ(Through("b", 100), 10);
  EXPECT_EQ(Refusals(100), 5);
  limits_.SetRates({600, 50});
  EXPECT_EQ(Through("a", 100), 0);
  clock_.Advance(absl::Seconds(6));
  EXPECT_EQ(Through("a", 100), 60);
  EXPECT_EQ(Refusals(100), 5);
}

}  // namespace
}  // namespace signet::enrollment
