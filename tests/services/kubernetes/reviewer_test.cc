#include "services/kubernetes/reviewer.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/files/file.h"
#include "services/telemetry/logger.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/must.h"

namespace signet::kubernetes {
namespace {

using testing::FakePod;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Mode;
using ::testing::Not;

// Real, since tokens are judged by the server's clock.
const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

class ReviewerTest : public ::testing::Test {
 protected:
  ReviewerTest() {
    kubernetes_.Put(pod_);
    rules_.service_accounts = {
        {"slurm/slurm-worker", "slurmd"}, {"slurm/slurm-login", "sackd"}, {"slurm/slurm-ctld", "controller"}};
    Configure();
  }
  void Configure() { reviewer_ = std::make_unique<Reviewer>(endpoint_, rules_, clock_, *logger_); }
  absl::StatusOr<enrollment::ReviewedPod> Review(const testing::TokenWish& wish = {}) {
    return reviewer_->Review(kubernetes_.TokenOf(pod_, wish));
  }
  // What is said against it; checks the reason and that no token is quoted.
  std::string Refused(const absl::StatusOr<enrollment::ReviewedPod>& review) {
    if (review.ok()) return "";
    EXPECT_EQ(review.status().code(), absl::StatusCode::kPermissionDenied) << review.status();
    EXPECT_EQ(base::ReasonOf(review.status()), base::kPodRefused) << review.status();
    EXPECT_THAT(review.status().message(), Not(HasSubstr("eyJ")));
    return std::string(review.status().message());
  }
  std::string Unavailable(const absl::StatusOr<enrollment::ReviewedPod>& review) {
    EXPECT_EQ(review.status().code(), absl::StatusCode::kUnavailable) << review.status();
    EXPECT_EQ(base::ReasonOf(review.status()), base::kKubernetesUnavailable) << review.status();
    EXPECT_NE(base::NextOf(review.status()), "");
    EXPECT_THAT(review.status().message(), Not(HasSubstr("eyJ")));
    return std::string(review.status().message());
  }
  void Change(const std::function<void(FakePod&)>& change) {
    change(pod_);
    kubernetes_.Put(pod_);
  }

  base::FakeClock clock_{kStart};
  testing::FakeKubernetes kubernetes_{clock_};
  Endpoint endpoint_{kubernetes_.url(), kubernetes_.ca_file(), kubernetes_.token_file()};
  Rules rules_;
  FakePod pod_;
  std::unique_ptr<telemetry::Logger> logger_ = telemetry::MakeNullLogger();
  std::unique_ptr<Reviewer> reviewer_;
};

TEST_F(ReviewerTest, NamesALivePodOfAnAllowedServiceAccount) {
  for (const bool ecdsa : {false, true}) {
    testing::TokenWish wish;
    wish.ecdsa = ecdsa;
    const auto reviewed = Review(wish);
    ASSERT_TRUE(reviewed.ok()) << reviewed.status();
    EXPECT_EQ(reviewed->service_account, "slurm/slurm-worker");
    EXPECT_EQ(reviewed->grants, "slurmd");
    EXPECT_EQ(reviewed->name_space, "slurm");
    EXPECT_EQ(reviewed->name, "slurm-worker-0");
    EXPECT_EQ(reviewed->uid, pod_.uid);
    EXPECT_EQ(reviewed->node, "worker-0");
    EXPECT_EQ(reviewed->created_at, pod_.created_at);
    EXPECT_EQ(reviewed->token_expires_at, clock_.Now() + absl::Hours(1));
  }
}

TEST_F(ReviewerTest, RefusesTheWrongAudience) {
  testing::TokenWish wish;
  wish.audiences = {"vault"};
  EXPECT_THAT(Refused(Review(wish)), HasSubstr("is not for audience signet"));
  EXPECT_EQ(kubernetes_.token_reviews(), 0);
  // A configured audience is asked of the API, too.
  rules_.audience = "vault";
  Configure();
  EXPECT_TRUE(Review(wish).ok());
}

TEST_F(ReviewerTest, RefusesAForgedSignatureByTokenReview) {
  const testing::ServiceAccountIssuer stranger;
  const std::string forged =
      stranger.Make({"slurm", "slurm-worker", "uid", pod_.name, pod_.uid, pod_.node, "uid"}, {}, clock_.Now());
  EXPECT_THAT(Refused(reviewer_->Review(forged)), HasSubstr("Kubernetes does not know"));
  EXPECT_EQ(kubernetes_.token_reviews(), 1);
  EXPECT_EQ(kubernetes_.pod_reads(), 0);
}

TEST_F(ReviewerTest, JunkNeverReachesTheApi) {
  testing::TokenWish none;
  none.change = [](nlohmann::json& header, nlohmann::json&) { header["alg"] = "none"; };
  testing::TokenWish symmetric;
  symmetric.change = [](nlohmann::json& header, nlohmann::json&) { header["alg"] = "HS256"; };
  testing::TokenWish ended;
  ended.lifetime = -absl::Hours(1);
  for (const auto& wish : {none, symmetric, ended}) EXPECT_NE(Refused(Review(wish)), "");
  EXPECT_NE(Refused(reviewer_->Review("")), "");
  EXPECT_NE(Refused(reviewer_->Review(std::string(100'000, 'a'))), "");
  EXPECT_EQ(kubernetes_.token_reviews() + kubernetes_.pod_reads(), 0);
}

TEST_F(ReviewerTest, RefusesAServiceAccountThatIsNotOnTheList) {
  Change([](FakePod& pod) { pod.service_account = "default"; });
  EXPECT_THAT(Refused(Review()), HasSubstr("slurm/default is not on the allow-list"));
  EXPECT_EQ(kubernetes_.token_reviews(), 0);
  FakePod stranger;
  stranger.name_space = "other";
  kubernetes_.Put(stranger);
  EXPECT_THAT(Refused(reviewer_->Review(kubernetes_.TokenOf(stranger))), HasSubstr("other/slurm-worker is not on"));
}

TEST_F(ReviewerTest, TakesOverANewAllowList) {
  EXPECT_TRUE(Review().ok());
  reviewer_->SetServiceAccounts({{"slurm/slurm-login", "sackd"}});
  EXPECT_THAT(Refused(Review()), HasSubstr("not on the allow-list"));
}

TEST_F(ReviewerTest, RefusesADeletedPod) {
  const std::string token = kubernetes_.TokenOf(pod_);
  kubernetes_.Delete(pod_);
  EXPECT_THAT(Refused(reviewer_->Review(token)), HasSubstr("Kubernetes does not know"));
}

TEST_F(ReviewerTest, RefusesAPodThatIsDeletedBetweenTheTwoQuestions) {
  const FakePod gone = pod_;
  const std::string token = kubernetes_.TokenOf(gone);
  const testing::Lie deletes{"deletes", false, [](nlohmann::json&) {}};
  kubernetes_.SetLie(&deletes);
  Change([](FakePod& pod) { pod.being_deleted = true; });
  EXPECT_THAT(Refused(reviewer_->Review(token)), HasSubstr("is being deleted"));
}

TEST_F(ReviewerTest, RefusesAPodOfTheSameNameAndAnotherUid) {
  const std::string token = kubernetes_.TokenOf(pod_);
  Change([](FakePod& pod) { pod.uid = testing::NewUuid(); });
  EXPECT_NE(Refused(reviewer_->Review(token)), "");
}

TEST_F(ReviewerTest, RefusesAPodThatHasEnded) {
  for (const char* phase : {"Succeeded", "Failed", "Unknown", ""}) {
    Change([phase](FakePod& pod) { pod.phase = phase; });
    EXPECT_THAT(Refused(Review()), HasSubstr("neither Pending nor Running")) << phase;
  }
  Change([](FakePod& pod) { pod.phase = "Pending"; });
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, AForgedPodLabelChangesNothing) {
  Change([](FakePod& pod) {
    pod.labels = {{"nodeset.slinky.slurm.net/pod-hostname", "worker-9"},
                  {"slinky.slurm.net/pod-name", "worker-9"},
                  {"kubernetes.io/hostname", "worker-9"}};
  });
  EXPECT_EQ(testing::Must(Review()).node, "worker-0");
  Change([](FakePod& pod) { pod.hostname.clear(); });
  EXPECT_EQ(testing::Must(Review()).node, "slurm-worker-0");
}

TEST_F(ReviewerTest, WithHostNetworkTheNodeIsTheKubernetesNodesShortName) {
  Change([](FakePod& pod) {
    pod.host_network = true;
    pod.node = "gpu-17.rack3.example";
  });
  EXPECT_EQ(testing::Must(Review()).node, "gpu-17");
  // Not yet scheduled.
  Change([](FakePod& pod) { pod.node.clear(); });
  EXPECT_THAT(Refused(Review()), HasSubstr("gives no node name"));
}

TEST_F(ReviewerTest, RefusesAHostnameThatIsASlurmService) {
  Change([](FakePod& pod) { pod.hostname = "slurmctld"; });
  EXPECT_THAT(Refused(Review()), HasSubstr("gives no node name"));
}

TEST_F(ReviewerTest, ASlurmdsPodIsANodeSetsUnlessConfiguredOtherwise) {
  for (const auto& [kind, version] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"ReplicaSet", "apps/v1"},
                                                        {"NodeSet", "apps/v1"},
                                                        {"NodeSet", "slinky.slurm.net.evil/v1"},
                                                        {"LoginSet", "slinky.slurm.net/v1beta1"}}) {
    Change([&](FakePod& pod) {
      pod.owner_kind = kind;
      pod.owner_api_version = version;
    });
    EXPECT_THAT(Refused(Review()), HasSubstr("controlled by no NodeSet")) << kind << " " << version;
  }
  rules_.slurmd_of_nodeset = false;
  Configure();
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, ALoginPodNeedsNoNodeSet) {
  Change([](FakePod& pod) {
    pod.service_account = "slurm-login";
    pod.owner_kind = "ReplicaSet";
    pod.owner_api_version = "apps/v1";
    pod.hostname.clear();
    pod.name = "login-7d9f-abcde";
  });
  const auto reviewed = testing::Must(Review());
  EXPECT_EQ(reviewed.grants, "sackd");
  EXPECT_EQ(reviewed.node, "login-7d9f-abcde");
}

TEST_F(ReviewerTest, AControllerIsNoNode) {
  Change([](FakePod& pod) {
    pod.service_account = "slurm-ctld";
    pod.owner_kind = "StatefulSet";
    pod.hostname = "slurmctld";
  });
  const auto reviewed = testing::Must(Review());
  EXPECT_EQ(reviewed.grants, "controller");
  EXPECT_THAT(reviewed.node, IsEmpty());
}

TEST_F(ReviewerTest, EveryLieIsRefused) {
  for (const testing::Lie& lie : testing::EveryLie()) {
    kubernetes_.SetLie(&lie);
    const auto reviewed = Review();
    ASSERT_FALSE(reviewed.ok()) << lie.name;
    const std::string reason = base::ReasonOf(reviewed.status());
    EXPECT_TRUE(reason == base::kPodRefused || reason == base::kKubernetesUnavailable) << lie.name << ": " << reason;
  }
  kubernetes_.SetLie(nullptr);
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, AnErrorOfTheApiThatHoldsTheTokenIsNotRepeated) {
  const std::string token = kubernetes_.TokenOf(pod_);
  const testing::Lie echo{"echo", false, [&token](nlohmann::json& object) {
                            object["status"] = {{"error", "invalid token " + token}};
                          }};
  kubernetes_.SetLie(&echo);
  EXPECT_THAT(Refused(reviewer_->Review(token)), Not(HasSubstr("invalid token")));
}

TEST_F(ReviewerTest, WithTheApiDownARetryIsAskedFor) {
  kubernetes_.Down();
  Unavailable(Review());
  kubernetes_.Up();
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, AnApiThatAcceptsAndSaysNothingIsLeftInTime) {
  kubernetes_.BlackHole();
  EXPECT_THAT(Unavailable(Review()), HasSubstr("in time"));
  kubernetes_.Up();
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, AnApiThatReadsAndSaysNothingIsLeftInTime) {
  kubernetes_.SetMode(Mode::kSilent);
  EXPECT_THAT(Unavailable(Review()), HasSubstr("in time"));
}

TEST_F(ReviewerTest, BothQuestionsShareOneDeadline) {
  // Either alone would be in time.
  kubernetes_.SetMode(Mode::kSlow, kReviewTime * 3 / 4);
  EXPECT_THAT(Unavailable(Review()), HasSubstr("in time"));
}

TEST_F(ReviewerTest, TroubleOfTheApiIsARetry) {
  for (const Mode mode : {Mode::kInternalError, Mode::kTooManyRequests, Mode::kGarbage, Mode::kCut}) {
    kubernetes_.SetMode(mode);
    Unavailable(Review());
  }
  kubernetes_.SetMode(Mode::kNormal);
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, ARedirectIsNotFollowed) {
  kubernetes_.SetMode(Mode::kRedirect);
  EXPECT_THAT(Unavailable(Review()), HasSubstr("307"));
  EXPECT_EQ(kubernetes_.token_reviews(), 0);
}

TEST_F(ReviewerTest, AHugeAnswerIsNotTakenIn) {
  kubernetes_.SetMode(Mode::kHuge);
  EXPECT_THAT(Unavailable(Review()), HasSubstr("larger than 1048576 bytes"));
}

TEST_F(ReviewerTest, AMissingRightIsNamed) {
  kubernetes_.Revoke("create", "tokenreviews");
  auto reviewed = Review();
  EXPECT_THAT(Unavailable(reviewed), HasSubstr("signetd may not create tokenreviews"));
  EXPECT_THAT(base::NextOf(reviewed.status()), HasSubstr("may create tokenreviews"));
  kubernetes_.Grant({"signet/signetd", "create", "authentication.k8s.io", "tokenreviews", ""});
  kubernetes_.Revoke("get", "pods");
  reviewed = Review();
  EXPECT_THAT(Unavailable(reviewed), HasSubstr("signetd may not get pods in namespace slurm"));
  EXPECT_THAT(base::NextOf(reviewed.status()), HasSubstr("get pods in namespace slurm"));
}

TEST_F(ReviewerTest, OwnTokenIsReadAgainAtEachCall) {
  EXPECT_TRUE(Review().ok());
  kubernetes_.RotateOwnToken();
  EXPECT_TRUE(Review().ok());
}

TEST_F(ReviewerTest, AnOwnTokenThatTheApiDoesNotTakeIsNamed) {
  testing::Must(files::WriteAtomically(kubernetes_.token_file(), kubernetes_.TokenOf(pod_)));
  EXPECT_THAT(Unavailable(Review()), HasSubstr("signetd's own service account token (401)"));
  testing::Must(files::WriteAtomically(kubernetes_.token_file(), "a\r\nHost: evil"));
  EXPECT_THAT(Unavailable(Review()), HasSubstr("holds no token"));
  testing::Must(files::WriteAtomically(kubernetes_.token_file(), " \n"));
  EXPECT_THAT(Unavailable(Review()), HasSubstr("holds no token"));
  testing::Must(files::Remove(kubernetes_.token_file()));
  EXPECT_THAT(Unavailable(Review()), HasSubstr("own service account token"));
  EXPECT_EQ(kubernetes_.token_reviews(), 1);
}

TEST_F(ReviewerTest, AServerOfAnotherAuthorityIsNotAsked) {
  const testing::FakeKubernetes other(clock_);
  endpoint_.ca_file = other.ca_file();
  Configure();
  Unavailable(Review());
  EXPECT_EQ(kubernetes_.token_reviews(), 0);
}

TEST_F(ReviewerTest, AServerOfAnotherNameIsNotAsked) {
  testing::FakeKubernetes other(clock_, "elsewhere.example");
  endpoint_ = {other.url(), other.ca_file(), other.token_file()};
  Configure();
  Unavailable(Review());
  EXPECT_EQ(other.token_reviews(), 0);
}

TEST_F(ReviewerTest, NoProxyOfTheEnvironmentIsUsed) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
    setenv(name, "http://127.0.0.1:1", 1);
  EXPECT_TRUE(Review().ok());
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST_F(ReviewerTest, ConnectionsAreUsedAgain) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Review().ok());
  EXPECT_EQ(kubernetes_.token_reviews(), 5);
  EXPECT_EQ(kubernetes_.connections(), 1);
}

}  // namespace
}  // namespace signet::kubernetes
