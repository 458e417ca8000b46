#include "services/rpc/pod_callers.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/rpc/caller.h"
#include "tests/testing/world.h"

namespace signet::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A Kubernetes API of one fixed opinion, which counts how often it is asked, and answers when it may.
class Opinion final : public enrollment::PodReviewer {
 public:
  explicit Opinion(const base::Clock& clock) : clock_(clock) {}

  absl::StatusOr<enrollment::ReviewedPod> Review(absl::string_view token) override {
    ++asked;
    while (held) std::this_thread::yield();
    const base::MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    enrollment::ReviewedPod pod;
    pod.service_account = "slurm/slurm-ctld";
    pod.grants = grants_;
    pod.name_space = "slurm";
    pod.name = "ctld-0";
    pod.uid = std::string(token);
    pod.token_expires_at = clock_.Now() + lifetime_;
    return pod;
  }
  void SayNo() { Say(base::Refusal(absl::StatusCode::kPermissionDenied, base::kPodRefused, "no such pod")); }
  void SayNothing() {
    Say(base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, "the API is away"));
  }
  void SayYes() { Say(absl::OkStatus()); }
  void Grant(const std::string& grants) {
    const base::MutexLock lock(mutex_);
    grants_ = grants;
  }

  std::atomic<int> asked = 0;
  std::atomic<bool> held = false;

 private:
  void Say(const absl::Status& fault) {
    const base::MutexLock lock(mutex_);
    fault_ = fault;
  }

  const base::Clock& clock_;
  base::Mutex mutex_;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
  std::string grants_ ABSL_GUARDED_BY(mutex_) = "controller";
  absl::Duration lifetime_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
};

class PodCallersTest : public ::testing::Test {
 protected:
  absl::StatusOr<enrollment::ReviewedPod> Identify(const std::string& token,
                                                   const std::string& peer = "ipv4:192.0.2.1") {
    return pods_.Identify(token, peer);
  }
  std::string ReasonOf(const std::string& token) { return base::ReasonOf(Identify(token).status()); }

  base::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  Opinion opinion_{clock_};
  PodCallers pods_{opinion_, clock_};
};

TEST_F(PodCallersTest, AsksOnceAMinuteAboutAController) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Identify("t")->name, "ctld-0");
  EXPECT_EQ(opinion_.asked, 1);
  clock_.Advance(kPodFresh);
  EXPECT_TRUE(Identify("t").ok());
  EXPECT_EQ(opinion_.asked, 2);
}

TEST_F(PodCallersTest, RemembersOneTokenAndNotAnother) {
  EXPECT_EQ(Identify("t")->uid, "t");
  EXPECT_EQ(Identify("u")->uid, "u");
  EXPECT_EQ(opinion_.asked, 2);
}

TEST_F(PodCallersTest, ARememberedControllerCountsUntilItsTokenEndsWhileTheApiIsAway) {
  ASSERT_TRUE(Identify("t").ok());
  opinion_.SayNothing();
  clock_.Advance(absl::Minutes(59));
  EXPECT_TRUE(Identify("t").ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
}

TEST_F(PodCallersTest, AnApiThatIsAwayIsNotAskedForEveryCall) {
  ASSERT_TRUE(Identify("t").ok());
  opinion_.SayNothing();
  clock_.Advance(absl::Minutes(2));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Identify("t").ok());
  EXPECT_EQ(opinion_.asked, 2);
  clock_.Advance(kPodRetry);
  EXPECT_TRUE(Identify("t").ok());
  EXPECT_EQ(opinion_.asked, 3);
}

TEST_F(PodCallersTest, WhoIsNotRememberedIsUndecidedWhileTheApiIsAway) {
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
  opinion_.SayYes();
  EXPECT_TRUE(Identify("t").ok());
}

TEST_F(PodCallersTest, ARefusalForgets) {
  ASSERT_TRUE(Identify("t").ok());
  clock_.Advance(kPodFresh);
  opinion_.SayNo();
  EXPECT_EQ(ReasonOf("t"), base::kPodRefused);
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
}

TEST_F(PodCallersTest, ARefusalIsNotRemembered) {
  opinion_.SayNo();
  EXPECT_EQ(ReasonOf("t"), base::kPodRefused);
  opinion_.SayYes();
  EXPECT_TRUE(Identify("t").ok());
}

TEST_F(PodCallersTest, ANodesPodIsNotRemembered) {
  opinion_.Grant("slurmd");
  ASSERT_TRUE(Identify("t").ok());
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
}

TEST_F(PodCallersTest, ForgettingAsksAboutEverybodyAgain) {
  ASSERT_TRUE(Identify("t").ok());
  pods_.Forget();
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
}

TEST_F(PodCallersTest, AnAnswerByRulesThatChangedMeanwhileIsNotRemembered) {
  opinion_.held = true;
  std::thread caller([this] { EXPECT_TRUE(Identify("t").ok()); });
  while (opinion_.asked == 0) std::this_thread::yield();
  pods_.Forget();
  opinion_.held = false;
  caller.join();
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t"), base::kKubernetesUnavailable);
}

TEST_F(PodCallersTest, WhoAsksAfterTheRulesChangedWaitsForNoAnswerByTheOldOnes) {
  opinion_.held = true;
  std::thread before([this] { EXPECT_TRUE(Identify("t").ok()); });
  while (opinion_.asked == 0) std::this_thread::yield();
  pods_.Forget();
  std::thread after([this] { EXPECT_TRUE(Identify("t").ok()); });
  while (opinion_.asked < 2) std::this_thread::yield();
  opinion_.held = false;
  before.join();
  after.join();
  // The one by the new rules is remembered.
  EXPECT_TRUE(Identify("t").ok());
  EXPECT_EQ(opinion_.asked, 2);
}

TEST_F(PodCallersTest, AClockThatWasSetBackMakesNothingFreshForLonger) {
  ASSERT_TRUE(Identify("t").ok());
  clock_.Advance(-absl::Hours(2));
  EXPECT_TRUE(Identify("t").ok());
  EXPECT_EQ(opinion_.asked, 2);
}

TEST_F(PodCallersTest, CallsWithTheSameTokenShareOneQuestion) {
  opinion_.held = true;
  std::atomic<int> known = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([&] {
      if (Identify("t").ok()) ++known;
    });
  }
  while (opinion_.asked == 0) std::this_thread::yield();
  opinion_.held = false;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(known, 20);
  EXPECT_EQ(opinion_.asked, 1);
}

TEST_F(PodCallersTest, StrangersCannotFillTheApi) {
  ASSERT_TRUE(Identify("known").ok());
  clock_.Advance(kPodFresh);
  opinion_.held = true;
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < kMostPodReviews; ++i) {
    callers.emplace_back([this, i] { static_cast<void>(Identify("stranger" + std::to_string(i))); });
  }
  while (opinion_.asked < static_cast<int>(1 + kMostPodReviews)) std::this_thread::yield();
  EXPECT_EQ(ReasonOf("one more"), base::kKubernetesUnavailable);
  // Who is known is asked about in time all the same: its token may have ended.
  callers.emplace_back([this] { EXPECT_TRUE(Identify("known").ok()); });
  while (opinion_.asked < static_cast<int>(2 + kMostPodReviews)) std::this_thread::yield();
  opinion_.held = false;
  for (std::thread& caller : callers) caller.join();
}

TEST_F(PodCallersTest, OnePeersStrangersAreAskedAboutSoOftenInAMinuteAndAnotherPeersStill) {
  ASSERT_TRUE(Identify("known").ok());
  opinion_.SayNo();
  int refused = 0;
  for (int i = 0; i < 500; ++i) refused += ReasonOf("guess" + std::to_string(i)) == base::kPodRefused ? 1 : 0;
  EXPECT_EQ(refused, kMostPodReviewsPerMinute - 1);
  EXPECT_EQ(opinion_.asked, kMostPodReviewsPerMinute);
  EXPECT_EQ(ReasonOf("guess"), base::kKubernetesUnavailable);
  opinion_.SayYes();
  EXPECT_TRUE(Identify("another", "ipv4:192.0.2.2").ok());
  // Who is known spends nothing.
  clock_.Advance(kPodFresh - absl::Milliseconds(1));
  for (int i = 0; i < 500; ++i) static_cast<void>(Identify("guess" + std::to_string(i)));
  clock_.Advance(absl::Milliseconds(1));
  const int asked = opinion_.asked;
  EXPECT_TRUE(Identify("known").ok());
  EXPECT_EQ(opinion_.asked, asked + 1);
}

TEST_F(PodCallersTest, WhatIsRememberedIsBounded) {
  for (std::size_t i = 0; i <= kMostPodsRemembered; ++i) {
    ASSERT_TRUE(Identify("t" + std::to_string(i), std::to_string(i)).ok());
    clock_.Advance(absl::Milliseconds(1));
  }
  opinion_.SayNothing();
  EXPECT_EQ(ReasonOf("t0"), base::kKubernetesUnavailable);
  EXPECT_TRUE(Identify("t1").ok());
}

class BearerTest : public PodCallersTest {
 protected:
  Caller Identify(Listener listener, const std::vector<std::string>& authorization) {
    return callers_.Identify(listener, nullptr, authorization);
  }

  testing::World world_;
  Callers callers_{"alpha", *world_.authorities, *world_.store, clock_, &pods_};
};

TEST_F(BearerTest, AControllersTokenMakesAController) {
  for (const char* scheme : {"Bearer ", "bearer "}) {
    const Caller caller = Identify(Listener::kNetwork, {std::string(scheme) + "t"});
    EXPECT_EQ(caller.role, v1::ROLE_CONTROLLER);
    EXPECT_EQ(caller.actor, "kubernetes:slurm/slurm-ctld/ctld-0");
    EXPECT_EQ(caller.name, "ctld-0");
    EXPECT_THAT(caller.fault, IsEmpty());
    EXPECT_TRUE(caller.undecided.ok());
  }
}

TEST_F(BearerTest, ATestersTokenMakesATesterWhoIsAskedAboutEachTime) {
  opinion_.Grant("tester");
  for (int i = 0; i < 2; ++i) {
    const Caller caller = Identify(Listener::kNetwork, {"Bearer t"});
    EXPECT_EQ(caller.role, v1::ROLE_TESTER);
    EXPECT_EQ(caller.actor, "kubernetes:slurm/slurm-ctld/ctld-0");
  }
  EXPECT_EQ(opinion_.asked, 2);
  opinion_.SayNothing();
  EXPECT_EQ(Identify(Listener::kNetwork, {"Bearer t"}).role, v1::ROLE_PUBLIC);
  // No certificate carries this role.
  EXPECT_EQ(RoleName(v1::ROLE_TESTER), "tester");
  EXPECT_EQ(RoleFromName("tester"), v1::ROLE_UNSPECIFIED);
}

TEST_F(BearerTest, TokensAreLookedAtOnTheNetworkOnly) {
  EXPECT_EQ(Identify(Listener::kAdminSocket, {"Bearer t"}).actor, "socket:admin");
  EXPECT_EQ(Identify(Listener::kControllerSocket, {"Bearer t"}).actor, "socket:controller");
  EXPECT_EQ(opinion_.asked, 0);
}

TEST_F(BearerTest, ANodesPodIsNoController) {
  for (const char* grants : {"slurmd", "sackd", "admin", ""}) {
    opinion_.Grant(grants);
    const Caller caller = Identify(Listener::kNetwork, {"Bearer t"});
    EXPECT_EQ(caller.role, v1::ROLE_PUBLIC) << grants;
    EXPECT_THAT(caller.detail, HasSubstr("is no controller"));
  }
}

TEST_F(BearerTest, WhoeverIsRefusedReadsTheSameWhateverTheAllowListSays) {
  opinion_.SayNo();
  const Caller refused = Identify(Listener::kNetwork, {"Bearer t"});
  opinion_.SayYes();
  opinion_.Grant("slurmd");
  const Caller listed = Identify(Listener::kNetwork, {"Bearer t"});
  EXPECT_EQ(refused.fault, listed.fault);
  EXPECT_NE(refused.detail, listed.detail);
  EXPECT_THAT(listed.fault, Not(HasSubstr("slurm-ctld")));
}

TEST_F(BearerTest, ARefusedTokenGivesNoRoleAndIsNotQuoted) {
  opinion_.SayNo();
  const Caller caller = Identify(Listener::kNetwork, {"Bearer very-secret"});
  EXPECT_EQ(caller.role, v1::ROLE_PUBLIC);
  EXPECT_EQ(caller.actor, "tls:public");
  EXPECT_THAT(caller.detail, HasSubstr("no such pod"));
  EXPECT_THAT(caller.fault + caller.detail, Not(HasSubstr("very-secret")));
  EXPECT_TRUE(caller.undecided.ok());
}

TEST_F(BearerTest, WithTheApiAwayTheCallerIsPublicAndTheAnswerARetry) {
  opinion_.SayNothing();
  const Caller caller = Identify(Listener::kNetwork, {"Bearer t"});
  EXPECT_EQ(caller.role, v1::ROLE_PUBLIC);
  EXPECT_EQ(caller.undecided.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(base::ReasonOf(caller.undecided), base::kKubernetesUnavailable);
  EXPECT_THAT(caller.undecided.ToString(), Not(HasSubstr("the API is away")));
  EXPECT_EQ(caller.detail, "the API is away");
}

TEST_F(BearerTest, AnythingElseThanOneBearerTokenCountsForNothing) {
  for (const std::vector<std::string>& shown : std::vector<std::vector<std::string>>{
           {}, {""}, {"Bearer"}, {"Basic dTpw"}, {"Bearert"}, {" Bearer t"}, {"Bearer t", "Bearer t"}}) {
    EXPECT_EQ(Identify(Listener::kNetwork, shown).role, v1::ROLE_PUBLIC) << ::testing::PrintToString(shown);
  }
  EXPECT_EQ(opinion_.asked, 0);
}

TEST_F(BearerTest, WithoutKubernetesATokenIsNotLookedAt) {
  const Callers callers("alpha", *world_.authorities, *world_.store, clock_);
  const Caller caller = callers.Identify(Listener::kNetwork, nullptr, {"Bearer t"});
  EXPECT_EQ(caller.role, v1::ROLE_PUBLIC);
  EXPECT_THAT(caller.fault, HasSubstr("no section kubernetes"));
}

}  // namespace
}  // namespace signet::rpc
